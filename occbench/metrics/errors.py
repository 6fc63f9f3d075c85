"""Plain errors: mean absolute and mean squared error of values in [0, 1], and the sum of squares of a whole image."""

import numpy as np
import numpy.typing as npt

from occbench.metrics import REGIONS, Metric, Region

Image = npt.NDArray[np.uint8]


def _declared(name: str, about: str, regions: tuple[Region, ...], highest: float | None, how: str) -> Metric:
    return Metric(
        name=name,
        about=about,
        higher_is_better=False,
        lowest=0.0,
        highest=highest,
        regions=regions,
        kind="image",
        signature=f"{name}|{how}|channels:RGB|mean-of-images|v1",
    )


L1 = _declared("l1", "Mean absolute error of values in [0, 1].", REGIONS, 1.0, "range:1|mean-of-values")
MSE = _declared("mse", "Mean squared error of values in [0, 1].", REGIONS, 1.0, "range:1|mean-of-values")
SSE = _declared("sse", "Sum of squared errors of an image, values in [0, 1].", ("full",), None, "range:1|sum-of-values")


def l1(prediction: Image, clean: Image, region: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean absolute difference of values in [0, 1] over a region (H, W) and the channels; NaN for an empty region."""
    difference = np.abs(prediction.astype(np.float64) - clean) / 255
    return _mean(difference, region)


def mse(prediction: Image, clean: Image, region: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean squared difference of values in [0, 1] over a region (H, W) and the channels; NaN for an empty region."""
    difference = (prediction.astype(np.float64) - clean) / 255
    return _mean(difference * difference, region)


def sse(prediction: Image, clean: Image) -> float:
    """Sum of squared differences of values in [0, 1] over the whole image: what grows with its size."""
    difference = (prediction.astype(np.float64) - clean) / 255
    return float((difference * difference).sum())


def _mean(values: npt.NDArray[np.float64], region: npt.NDArray[np.bool_] | None) -> float:
    inside = values if region is None else values[region]
    return float(inside.mean()) if inside.size else float("nan")
