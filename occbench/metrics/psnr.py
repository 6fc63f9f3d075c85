"""Peak signal-to-noise ratio, of one image at a time: sets are averaged over images, never pooled."""

import math

import numpy as np
import numpy.typing as npt

from occbench.metrics import REGIONS, Metric
from occbench.metrics.errors import differences

Image = npt.NDArray[np.uint8]

IDENTICAL = 100.0  # dB of identical images, and the most that any pair gets

PSNR = Metric(
    name="psnr",
    about="Peak signal-to-noise ratio.",
    higher_is_better=True,
    lowest=0.0,
    highest=IDENTICAL,
    regions=REGIONS,
    kind="image",
    signature="psnr|range:255|channels:RGB|mean-of-images|identical:100|v1",
    unit="dB",
)


def psnr(prediction: Image, clean: Image, region: npt.NDArray[np.bool_] | None = None) -> float:
    """10·log10(255² / MSE), the mean squared error being taken over the region's pixels and the three channels.

    Args:
        prediction, clean: (H, W, 3) uint8.
        region: (H, W) bool, or None for the whole frame.

    Returns:
        dB; `IDENTICAL` at most, NaN for an empty region.

    Raises:
        ValueError: the images are not both (H, W, 3) uint8 of one size.
    """
    squares = differences(prediction, clean) ** 2
    inside = squares if region is None else squares[region]
    return decibels(float(inside.mean())) if inside.size else math.nan


def decibels(mse: float) -> float:
    """PSNR of a mean squared error of levels from 0 to 255."""
    return IDENTICAL if mse == 0 else min(IDENTICAL, 10 * math.log10(255 * 255 / mse))
