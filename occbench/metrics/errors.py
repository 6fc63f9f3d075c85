"""Plain errors: mean absolute and mean squared error of values in [0, 1], and the sum of squares of a whole image.

The sum is what one context encoder's log calls MSE: its reconstruction loss, the mean over a batch of each image's sum. There the
hole alone counts, which is the same where a method leaves visible pixels alone. It grows with the size of hole and image.
"""

import numpy as np
import numpy.typing as npt

from occbench.metrics import REGIONS, Metric, Region

Image = npt.NDArray[np.uint8]

_LEVELS = np.dtype(np.uint8)


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


def comparable(prediction: Image, clean: Image) -> None:
    """Refuse what would give a number, but a wrong one: floats in [0, 1] or [-1, 1], and sizes that NumPy would broadcast.

    Raises:
        ValueError: the images are not both (H, W, 3) uint8 of one size.
    """
    if prediction.shape != clean.shape or clean.ndim != 3 or clean.shape[2] != 3 or {prediction.dtype, clean.dtype} != {_LEVELS}:
        found = " and ".join(f"{image.shape} {image.dtype}" for image in (prediction, clean))
        raise ValueError(f"two images of one size, (H, W, 3) uint8, can be compared, not {found}")


def differences(prediction: Image, clean: Image) -> npt.NDArray[np.float64]:
    """Exact differences of levels, (H, W, 3) float64 from -255 to 255: bytes would wrap around.

    Raises:
        ValueError: as `comparable`.
    """
    comparable(prediction, clean)
    return np.subtract(prediction, clean, dtype=np.float64)


def l1(prediction: Image, clean: Image, region: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean absolute difference of values in [0, 1] over a region (H, W) and the channels; NaN for an empty region."""
    return _mean(np.abs(differences(prediction, clean)) / 255, region)


def mse(prediction: Image, clean: Image, region: npt.NDArray[np.bool_] | None = None) -> float:
    """Mean squared difference of values in [0, 1] over a region (H, W) and the channels; NaN for an empty region."""
    return _mean((differences(prediction, clean) / 255) ** 2, region)


def sse(prediction: Image, clean: Image) -> float:
    """Sum of squared differences of values in [0, 1] over the whole image: what grows with its size."""
    return float(((differences(prediction, clean) / 255) ** 2).sum())


def _mean(values: npt.NDArray[np.float64], region: npt.NDArray[np.bool_] | None) -> float:
    inside = values if region is None else values[region]
    return float(inside.mean()) if inside.size else float("nan")
