"""Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004), in the two forms that scikit-image computes.

The mean of the three channels' maps; local statistics in float64 with K1 = 0.01, K2 = 0.03 and a range of 255.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from occbench.metrics import REGIONS, Metric

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]
Window = Literal["gaussian", "uniform7"]

_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


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
class _Kernel:
    taps: Array
    unbiased: float  # factor of variances

    @property
    def radius(self) -> int:
        return len(self.taps) // 2


@cache
def _kernel(window: Window) -> _Kernel:
    if window == "uniform7":
        return _Kernel(np.full(7, 1 / 7), 49 / 48)
    offsets = np.arange(-5, 6)
    weights = np.exp(-0.5 * (offsets / 1.5) ** 2)
    return _Kernel(weights / weights.sum(), 1.0)


def ssim_map(prediction: Image, clean: Image, window: Window = "gaussian") -> Array:
    """The mean of the channels' SSIM maps where the window fits into the frame: (H - 2r, W - 2r) float64, r = 5 or 3.

    Args:
        prediction, clean: (H, W, 3) uint8.
        window: `gaussian` (11 taps, sigma 1.5, population covariance) or `uniform7` (7×7, sample covariance).

    Raises:
        ValueError: images smaller than the window.
    """
    kernel = _kernel(window)
    height, width = clean.shape[:2]
    if min(height, width) < len(kernel.taps):
        raise ValueError(f"an image of {width}×{height} px is smaller than the window of {len(kernel.taps)} px")
    total = np.zeros((height - 2 * kernel.radius, width - 2 * kernel.radius))
    for a, b in zip(*(cv2.split(image.astype(np.float64)) for image in (prediction, clean)), strict=True):
        mean_a, mean_b = _local(a, kernel), _local(b, kernel)
        both, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
        spread = kernel.unbiased * (_local(a * a + b * b, kernel) - squares)  # the sum of both variances
        together = kernel.unbiased * (_local(a * b, kernel) - both)
        total += ((2 * both + _C1) * (2 * together + _C2)) / ((squares + _C1) * (spread + _C2))
    return total / 3


def ssim(found: Array, region: npt.NDArray[np.bool_] | None = None) -> float:
    """The mean of a map, over the whole of it or where the region (H, W) lies in it; NaN where it does not."""
    if region is None:
        return float(found.mean())
    edge = (region.shape[0] - found.shape[0]) // 2
    inside = found[region[edge : region.shape[0] - edge, edge : region.shape[1] - edge]]
    return float(inside.mean()) if inside.size else float("nan")


def _local(values: Array, kernel: _Kernel) -> Array:
    """Weighted mean around every pixel where the window fits."""
    r = kernel.radius
    return np.asarray(cv2.sepFilter2D(values, cv2.CV_64F, kernel.taps, kernel.taps)[r:-r, r:-r])
