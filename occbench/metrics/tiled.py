"""The protocol of one earlier project, for comparison with its numbers only: PSNR and SSIM of grids of faces, not of faces.

Sixteen images at a time are tiled as a 4×4 grid, with a black border of 2 px around each; the grid is scaled by 254 and truncated,
one PSNR and one SSIM are taken of it, and grids are averaged; images that fill no whole grid are left out. The border, equal in
both, adds 0.17 dB, the scale 0.03 dB, and errors are pooled before the logarithm: such a number compares with nothing else.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt

from occbench.metrics import Metric
from occbench.metrics.errors import comparable
from occbench.metrics.psnr import decibels
from occbench.metrics.ssim import C1, C2, kernel

Image = npt.NDArray[np.uint8]

BATCH = 16
_BORDER = 2


def _declared(name: str, about: str, unit: str, how: str) -> Metric:
    return Metric(
        name=name,
        about=about,
        higher_is_better=True,
        lowest=0.0,
        highest=None,
        regions=("full",),
        kind="set",
        signature=f"{name}|grid:{BATCH},4x4,2-px-border|order:pair-id|whole-grids|levels:floor(254x)|{how}|mean-of-grids|v1",
        default=False,
        unit=unit,
    )


PSNR_TILED = _declared("psnr_tiled", "PSNR of grids of 16 faces (an earlier project's protocol).", "dB", "range:255")
SSIM_TILED = _declared("ssim_tiled", "SSIM of grids of 16 faces (likewise).", "", "window:gauss11,1.5|valid|cs>=0|RGB-mean")


def tiled(pairs: Iterable[tuple[Image, Image]], batch: int = BATCH) -> tuple[float, float]:
    """PSNR (dB) and SSIM of grids, averaged over grids.

    Args:
        pairs: restorations and clean images, (H, W, 3) uint8 of one size, in the order in which grids are filled.
        batch: images a grid. Only where there are fewer in all is a grid not full.

    Raises:
        ValueError: no pair, or images of differing sizes.
    """
    stream: Iterator[tuple[Image, Image]] = iter(pairs)
    found: list[tuple[float, float]] = []
    while (chunk := list(islice(stream, batch))) and (len(chunk) == batch or not found):
        for pair in chunk:
            comparable(*pair)
        if len({clean.shape for _, clean in chunk}) > 1:
            raise ValueError("a grid needs images of one size")
        a, b = (grid([pair[k] for pair in chunk], _columns(batch)) for k in range(2))
        difference = a.astype(np.float64) - b
        found.append((decibels(float((difference * difference).mean())), _ssim(a, b)))
    if not found:
        raise ValueError("there is nothing to tile")
    psnr, ssim = np.mean(found, axis=0)
    return float(psnr), float(ssim)


def grid(images: list[Image], across: int) -> Image:
    """Images (H, W, 3) uint8 in rows of `across`, with a border of 2 px, levels scaled by 254 / 255 and truncated."""
    height, width = (side + _BORDER for side in images[0].shape[:2])
    down = -(-len(images) // across)
    out = np.zeros((down * height + _BORDER, across * width + _BORDER, 3), np.uint8)
    for number, image in enumerate(images):
        top, left = (number // across) * height + _BORDER, (number % across) * width + _BORDER
        out[top : top + image.shape[0], left : left + image.shape[1]] = image.astype(np.int32) * 254 // 255
    return out


def _columns(batch: int) -> int:
    """4 for 16 images, 7 for 32: as many rows as the root has whole ones."""
    return -(-batch // math.isqrt(batch))


def _ssim(a: Image, b: Image) -> float:
    """SSIM with its contrast and structure term clipped at 0, where the window fits, mean of channels."""
    taps = kernel("gaussian").taps

    def local(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(cv2.sepFilter2D(values, cv2.CV_64F, taps, taps)[5:-5, 5:-5])

    def one(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
        mean_x, mean_y = local(x), local(y)
        spread = local(x * x + y * y) - mean_x * mean_x - mean_y * mean_y
        together = local(x * y) - mean_x * mean_y
        structure = np.maximum((2 * together + C2) / (spread + C2), 0)
        return float(((2 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1) * structure).mean())

    return float(np.mean([one(x, y) for x, y in _channels(a.astype(np.float64), b.astype(np.float64))]))


def _channels(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    return zip(cv2.split(a), cv2.split(b), strict=True)  # type: ignore[arg-type]
