"""Fréchet distance between Gaussians fitted to two sets of features (Heusel et al. 2017; Dowson and Landau 1982)."""

import numpy as np
import numpy.typing as npt

from occbench.metrics import Metric
from occbench.weights import WEIGHTS

Array = npt.NDArray[np.floating]

SMALL = 2048  # images below which the distance says more about their number than about them


def _declared(name: str, about: str, features: str, weights: str) -> Metric:
    return Metric(
        name=name,
        about=about,
        higher_is_better=False,
        lowest=0.0,
        highest=None,
        regions=("full",),
        kind="set",
        signature=f"{name}|features:{features}|reference:clean-of-split|covariance:n-1|sqrt:eigh|float64|v1",
        weights=weights,
    )


_INCEPTION = "inception-2015-12-05,pool3,2048|resize:pillow-bicubic-299-float"
_DLIB = f"dlib-resnet-v1,128,{WEIGHTS['dlib-descriptor'].mark}|chip:150,5-points-of-clean"
FID = _declared("fid", "Fréchet distance on dlib's face descriptor.", _DLIB, "dlib-descriptor")
FID_INCEPTION = _declared("fid_inception", "Fréchet Inception distance.", _INCEPTION, "inception-fid")


def frechet(features: Array, reference: Array) -> float:
    """|μ₁ - μ₂|² + tr(C₁ + C₂ - 2 (C₁C₂)^½), biased upwards for few images.

    With C = FᵀF the eigenvalues of C₁C₂ are the squared singular values of F₁F₂ᵀ, so the trace of the root is their sum: nothing is
    squared that a root would have to undo, and singular covariances keep all their digits.

    Args:
        features, reference: (N, D) and (M, D), at least two rows each.

    Returns:
        Distance, at least 0.

    Raises:
        ValueError: fewer than two rows, or features of different length.
    """
    if features.ndim != 2 or reference.ndim != 2 or features.shape[1] != reference.shape[1]:
        raise ValueError(f"features of one length are needed, not {features.shape} and {reference.shape}")
    if min(len(features), len(reference)) < 2:
        raise ValueError("a covariance needs two images at least")
    (mean_a, root_a), (mean_b, root_b) = (_gaussian(np.asarray(rows, dtype=np.float64)) for rows in (features, reference))
    shared = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    apart = mean_a - mean_b
    return max(0.0, float(apart @ apart + (root_a * root_a).sum() + (root_b * root_b).sum() - 2 * shared))


def warning(count: int) -> str | None:
    """What is said of a distance of so few images, or None."""
    if count >= SMALL:
        return None
    return (
        f"Fréchet distances of {count} images are biased upwards (fewer than {SMALL:,}): read KID, and compare equal numbers only"
    )


def _gaussian(rows: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (D,) and a factor F of the covariance C = FᵀF with as few rows as rows (N, D) or columns."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    if len(rows) <= rows.shape[1]:
        return mean, centred / np.sqrt(len(rows) - 1)
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(rows) - 1))
    # What rounding leaves of a zero may be negative, and its root would be half the digits large.
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    return mean, np.sqrt(values[kept])[:, None] * vectors[:, kept].T
