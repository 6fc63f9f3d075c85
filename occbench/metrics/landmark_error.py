"""Distance of 68 points found on a restoration from those of the clean photograph, in eye distances (Sagonas et al. 2013)."""

import numpy as np
import numpy.typing as npt

from occbench.metrics import Metric
from occbench.weights import WEIGHTS

Array = npt.NDArray[np.float64]

_RIGHT, _LEFT = 36, 45  # outer corners of the eyes

LANDMARK_ERROR = Metric(
    name="landmark_error",
    about="Mean distance of 68 landmarks, in outer eye distances.",
    higher_is_better=False,
    lowest=0.0,
    highest=None,
    regions=("full",),
    kind="image",
    signature=(
        f"landmark_error|points:68|finder:dlib-in-box-of-clean(1.08,0.09),{WEIGHTS['dlib68'].mark}|truth:same-finder-on-clean|"
        "norm:outer-eye-corners|mean-of-images|v1"
    ),
    weights="dlib68",
)


def landmark_error(found: npt.ArrayLike, truth: npt.ArrayLike) -> Array:
    """Mean distance of points, divided by the distance of the true outer eye corners.

    Args:
        found, truth: (N, 68, 2), in pixels.

    Returns:
        (N,); NaN where the eye corners coincide or a point is not finite.
    """
    a, b = np.asarray(found, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    apart = np.hypot(*(b[:, _RIGHT] - b[:, _LEFT]).T)
    distances = np.hypot(a[..., 0] - b[..., 0], a[..., 1] - b[..., 1]).mean(axis=1)
    usable = np.isfinite(distances) & (apart > 0)
    return np.asarray(np.divide(distances, apart, out=np.full(len(a), np.nan), where=usable))
