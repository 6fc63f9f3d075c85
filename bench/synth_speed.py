"""Pairs per second: the chain that earlier tools use, and `occbench synth` with two workers, alternating in one run.

    python bench/synth_speed.py [--root LFW] [--photos N] [--repeats R] [--upsample 0|1]

Four masked pairs a photograph. occbench is measured as a user meets it, a command with its start-up, hashing, manifest, card and
contact sheet: once with an empty landmark cache, once with the landmarks that the first run left there (another seed over the same
photographs).
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import parser, photographs, synth
from reference_chain import Chain

PER_PHOTOGRAPH = 4


def chain_rate(chain: Chain, files: list[Path], folder: Path) -> float:
    """Images per second of the reference, every photograph handled once per output image."""
    start = time.perf_counter()
    done = sum(chain(file, folder / f"{k}-{file.stem}.png") for file in files for k in range(PER_PHOTOGRAPH))
    return done / (time.perf_counter() - start)


def occbench_rate(root: Path, photos: int, out: Path, cache: Path, seed: int) -> float:
    """Pairs per second of one `occbench synth`."""
    options = ["--occluders", "mask", "--per-image", str(PER_PHOTOGRAPH), "--workers", "2", "--seed", str(seed), "--json"]
    start = time.perf_counter()
    result = synth(root, out, "--limit", str(photos), "--cache", str(cache), *options)
    return float(result["pairs"]) / (time.perf_counter() - start)


def main() -> None:
    command = parser(__doc__, photos=3000)
    command.add_argument("--repeats", type=int, default=2, help="how often each is measured (default: %(default)s)")
    command.add_argument(
        "--upsample", type=int, default=1, help="of the reference's detector (default: %(default)s, as earlier tools)"
    )
    options = command.parse_args()
    files = photographs(options.root, max(options.photos // 10, 20))
    chain = Chain(options.upsample)
    rates: dict[str, list[float]] = {"chain": [], "cold": [], "cached": []}
    with tempfile.TemporaryDirectory() as name:  # emptied at the very end: deleting slows down what is written next
        for repeat in range(options.repeats):
            folder = Path(name, str(repeat))
            (folder / "chain").mkdir(parents=True)
            rates["chain"].append(chain_rate(chain, files, folder / "chain"))
            rates["cold"].append(occbench_rate(options.root, options.photos, folder / "cold", folder / "cache", 0))
            rates["cached"].append(occbench_rate(options.root, options.photos, folder / "cached", folder / "cache", 1))
            row = "  ".join(f"{name} {values[-1]:6.1f}/s" for name, values in rates.items())
            print(f"repeat {repeat + 1}: {row}", file=sys.stderr)
    print(f"{options.photos} photographs, {PER_PHOTOGRAPH} pairs each, 2 workers, median of {options.repeats}:")
    reference = statistics.median(rates["chain"])
    print(f"  reference chain, one process   {reference:6.1f} images/s")
    for name, label in (("cold", "occbench, empty cache"), ("cached", "occbench, landmarks cached")):
        ratios = [ours / theirs for ours, theirs in zip(rates[name], rates["chain"], strict=True)]
        print(f"  {label:<29}  {statistics.median(rates[name]):6.1f} pairs/s = {statistics.median(ratios):.1f} times")


if __name__ == "__main__":
    main()
