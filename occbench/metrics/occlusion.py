"""How well a method saw what hides the face: overlap of predicted and true occlusion, and the error of its probabilities."""

import numpy as np
import numpy.typing as npt

from occbench.metrics import Metric
from occbench.metrics.regions import OCCLUDED

Image = npt.NDArray[np.uint8]


def _declared(name: str, about: str, how: str, *, higher_is_better: bool) -> Metric:
    return Metric(
        name=name,
        about=about,
        higher_is_better=higher_is_better,
        lowest=0.0,
        highest=1.0,
        regions=("full",),
        kind="image",
        signature=f"{name}|{how}|mean-of-images|v1",
    )


_THRESHOLD = "threshold:alpha>=128|empty-against-empty:1"
OCCLUSION_IOU = _declared("occlusion_iou", "Intersection over union of the occlusion.", _THRESHOLD, higher_is_better=True)
OCCLUSION_F1 = _declared("occlusion_f1", "F1 score of the occluded pixels.", _THRESHOLD, higher_is_better=True)
OCCLUSION_BRIER = _declared(
    "occlusion_brier",
    "Mean squared error of the occlusion's probability.",
    "truth:alpha>=128|probability:alpha/255",
    higher_is_better=False,
)


def iou(predicted: Image, alpha: Image) -> float:
    """Intersection over union of two masks (H, W) uint8, each occluded from 128; 1 where neither occludes anything."""
    a, b = predicted >= OCCLUDED, alpha >= OCCLUDED
    union = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / union if union else 1.0


def f1(predicted: Image, alpha: Image) -> float:
    """Harmonic mean of precision and recall of occluded pixels (Dice's coefficient); 1 where neither mask occludes anything."""
    a, b = predicted >= OCCLUDED, alpha >= OCCLUDED
    both = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / both if both else 1.0


def brier(predicted: Image, alpha: Image) -> float:
    """Mean squared difference between the predicted probability, alpha / 255, and the truth, 1 from 128 on (Brier 1950)."""
    difference = predicted.astype(np.float64) / 255 - (alpha >= OCCLUDED)
    return float((difference * difference).mean())
