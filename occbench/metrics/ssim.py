"""Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004), in the two forms that scikit-image computes.

The mean of the three channels' maps; local statistics in float64 with K1 = 0.01, K2 = 0.03 and a range of 255. The image is neither
reduced first nor turned into luminance, and pixels where the window does not fit into the frame do not count.
"""

import threading
from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from occbench.metrics import REGIONS, Metric
from occbench.metrics.errors import comparable

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]
Window = Literal["gaussian", "uniform7"]

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

_BAND = 128  # rows at a time, which bounds the working memory


def _declared(name: str, about: str, window: str) -> Metric:
    return Metric(
        name=name,
        about=about,
        higher_is_better=True,
        lowest=-1.0,
        highest=1.0,
        regions=REGIONS,
        kind="image",
        signature=f"{name}|{window}|K:0.01,0.03|range:255|channels:RGB-mean|border:interior|float64|mean-of-images|v1",
    )


SSIM = _declared("ssim", "Structural similarity, Gaussian window.", "window:gauss11,1.5|covariance:population")
SSIM_UNIFORM7 = _declared("ssim_uniform7", "Structural similarity, uniform window.", "window:uniform7|covariance:sample")


@dataclass(frozen=True)
class Kernel:
    """A separable window: its taps (their sum is 1), and the factor by which its variances are corrected."""

    taps: Array
    unbiased: float

    @property
    def radius(self) -> int:
        """Pixels that the window reaches to each side."""
        return len(self.taps) // 2


@cache
def kernel(window: Window) -> Kernel:
    """`gaussian` has 11 taps of sigma 1.5 and population covariance, `uniform7` 7 taps and sample covariance."""
    if window == "uniform7":
        return Kernel(np.full(7, 1 / 7), 49 / 48)
    offsets = np.arange(-5, 6)
    weights = np.exp(-0.5 * (offsets / 1.5) ** 2)
    return Kernel(weights / weights.sum(), 1.0)


def ssim_map(prediction: Image, clean: Image, window: Window = "gaussian") -> Array:
    """The mean of the channels' SSIM maps where the window fits into the frame: (H - 2r, W - 2r) float64, r = 5 or 3.

    Args:
        prediction, clean: (H, W, 3) uint8.
        window: as `kernel`.

    Raises:
        ValueError: images smaller than the window, or not both (H, W, 3) uint8 of one size.
    """
    comparable(prediction, clean)
    chosen = kernel(window)
    height, width, channels = clean.shape
    if min(height, width) < len(chosen.taps):
        raise ValueError(f"an image of {width}×{height} px is smaller than the window of {len(chosen.taps)} px")
    edge = 2 * chosen.radius
    total = np.zeros((height - edge, width - edge))
    for top in range(0, height - edge, _BAND - edge):
        rows = slice(top, min(top + _BAND, height))
        for channel in range(channels):
            total[top : rows.stop - edge] += _similarity(prediction[rows, :, channel], clean[rows, :, channel], chosen)
    total /= channels
    return total


def ssim(found: Array, region: npt.NDArray[np.bool_] | None = None) -> float:
    """The mean of a map, over the whole of it or where the region (H, W) lies in it; NaN where it does not."""
    if region is None:
        return float(found.mean())
    edge = (region.shape[0] - found.shape[0]) // 2
    inside = found[region[edge : region.shape[0] - edge, edge : region.shape[1] - edge]]
    return float(inside.mean()) if inside.size else float("nan")


class _Scratch(threading.local):
    """Working memory of a thread, used again: asking the system for fresh pages takes longer than the arithmetic on them."""

    def __init__(self) -> None:
        self._memory = np.empty(0)

    def planes(self, count: int, height: int, width: int) -> Array:
        size = count * height * width
        if self._memory.size < size:
            self._memory = np.empty(size)
        return self._memory[:size].reshape(count, height, width)


_scratch = _Scratch()


def _similarity(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], window: Kernel) -> Array:
    """SSIM of one channel (H, W), (H - 2r, W - 2r) float64 in memory that the next call overwrites.

    Variances enter only as their sum, so four local means do: of a, b, ab and a² + b².
    """
    height, width = a.shape
    planes = _scratch.planes(8, height, width)
    raw, local = planes[:4], planes[4:]
    raw[0], raw[1] = a, b
    np.multiply(raw[0], raw[1], out=raw[2])
    np.multiply(raw[0], raw[0], out=raw[3])
    raw[3] += np.multiply(raw[1], raw[1], out=local[0])
    # One above the other, the planes are filtered in one call: they mix only in the rows that are cut off.
    cv2.sepFilter2D(raw.reshape(-1, width), cv2.CV_64F, window.taps, window.taps, dst=local.reshape(-1, width))
    r = window.radius
    mean_a, mean_b, together, spread = local[:, r:-r]  # whole rows lie in one piece, which is quicker than cutting columns now
    product, squares = raw[:2, r:-r]
    np.multiply(mean_a, mean_b, out=product)
    np.multiply(mean_a, mean_a, out=squares)
    squares += np.multiply(mean_b, mean_b, out=mean_b)
    together -= product
    together *= 2 * window.unbiased
    together += C2
    spread -= squares
    spread *= window.unbiased
    spread += C2
    product *= 2
    product += C1
    product *= together
    squares += C1
    squares *= spread
    product /= squares
    found: Array = product[:, r:-r]
    return found
