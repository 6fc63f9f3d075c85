"""Pairs per second: PSNR and SSIM by scikit-image in one process, and by occbench in two, alternating in one run.

    python bench/metrics_speed.py [--root LFW] [--photos N] [--pairs N] [--repeats R] [--workers W]

Pairs of 128×128 px in memory, the same again and again. scikit-image gives two numbers of the full frame; occbench those and the
same of three regions, and the start of its processes is counted.
"""

import itertools
import statistics
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from common import parser, photographs

from occbench.images import decode, read_bytes
from occbench.metrics.pixels import measure
from occbench.processes import mapped

Image = npt.NDArray[np.uint8]
Values = list[tuple[float, float]]


def pair(path: Path) -> Image:
    """A face, its lower half smoothed as if restored, and the mask: (128, 128, 3 + 3 + 1) uint8."""
    clean = decode(read_bytes(path))[61:189, 61:189]
    alpha = np.zeros((128, 128, 1), np.uint8)
    alpha[64:120, 24:104] = 255
    restored = np.where(alpha > 0, cv2.GaussianBlur(clean, (0, 0), 4), clean)
    return np.concatenate([restored, clean, alpha], axis=2).astype(np.uint8)


@cache
def pairs(file: Path) -> list[tuple[Image, Image, Image]]:
    """Restoration, clean image and mask, of each pair in a file."""
    apart = [np.ascontiguousarray(part) for each in np.load(file) for part in (each[..., :3], each[..., 3:6], each[..., 6])]
    return list(zip(apart[::3], apart[1::3], apart[2::3], strict=True))


def theirs(file: Path) -> Values:
    """PSNR and SSIM as scikit-image computes them, with the window of SSIM's authors."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity  # occbench's processes do without

    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return [
        (
            float(peak_signal_noise_ratio(clean, restored, data_range=255)),
            float(structural_similarity(clean, restored, channel_axis=-1, data_range=255, **window)),
        )
        for restored, clean, _ in pairs(file)
    ]


def ours(file: Path) -> Values:
    """The same by occbench."""
    cv2.setNumThreads(1)
    found = (measure(*each, ["psnr", "ssim"]) for each in pairs(file))
    return [(values["psnr"], values["ssim"]) for values in found]


def main() -> None:
    command = parser(__doc__, photos=64)
    command.add_argument("--pairs", type=int, default=20_000, help="for occbench, a tenth for scikit-image (default: %(default)s)")
    command.add_argument("--repeats", type=int, default=3, help="how often each is measured (default: %(default)s)")
    command.add_argument("--workers", type=int, default=2, help="of occbench (default: %(default)s)")
    options = command.parse_args()
    rates: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "pairs.npy")
        np.save(file, np.stack([pair(path) for path in photographs(options.root, options.photos)]))
        rounds = -(-options.pairs // len(pairs(file)))
        apart = np.abs(np.subtract(ours(file), theirs(file))).max()
        for repeat in range(options.repeats):
            start = time.perf_counter()
            done = sum(len(theirs(file)) for _ in range(-(-rounds // 10)))
            slow = done / (time.perf_counter() - start)
            start = time.perf_counter()
            done = sum(len(found) for found in mapped(ours, itertools.repeat(file, rounds), options.workers))
            rates.append((slow, done / (time.perf_counter() - start)))
            print(f"repeat {repeat + 1}: scikit-image {slow:6.1f}/s  occbench {rates[-1][1]:6.1f}/s", file=sys.stderr)
    print(f"PSNR and SSIM of 128×128 pairs, median of {options.repeats}; values differ by {apart:.0e} at most:")
    print(f"  scikit-image, one process  {statistics.median(slow for slow, _ in rates):6.1f} pairs/s")
    ratio = statistics.median(fast / slow for slow, fast in rates)
    label = f"occbench, {options.workers} processes"
    print(f"  {label:<25}  {statistics.median(fast for _, fast in rates):6.1f} pairs/s = {ratio:.1f} times")


if __name__ == "__main__":
    main()
