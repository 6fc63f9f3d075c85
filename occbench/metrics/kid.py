"""Kernel Inception distance (Bińkowski et al. 2018): unbiased for any number of images, so it may be negative.

The estimate takes every pair of images, so nothing is drawn. Its interval resamples identities of both sets; images of one person
stay together, and an image drawn twice is not compared with itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from occbench.metrics import Metric
from occbench.metrics.frechet import FID, FID_INCEPTION
from occbench.seeding import generator

Array = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.int64]

_BLOCK = 1024  # rows and columns of a kernel matrix at a time
_CLUSTERS = 2000  # at most: more identities share clusters, so that the matrices between clusters stay small
_FEWEST = 10  # clusters that each set needs for an interval
_RESAMPLES = 1000
_DRAWS = 100  # resamples at a time


def _declared(name: str, about: str, like: Metric) -> Metric:
    features = like.signature.removeprefix(f"{like.name}|").split("|reference")[0]
    return Metric(
        name=name,
        about=about,
        higher_is_better=False,
        lowest=None,
        highest=None,
        regions=("full",),
        kind="set",
        signature=f"{name}|{features}|reference:clean-of-split|kernel:(x.y/d+1)^3|unbiased,all-pairs|float64|v1",
        weights=like.weights,
    )


KID = _declared("kid", "Kernel distance on dlib's face descriptor.", FID)
KID_INCEPTION = _declared("kid_inception", "Kernel Inception distance.", FID_INCEPTION)


@dataclass(frozen=True)
class Sums:
    """Kernel sums between clusters of two sets X and Y: all that value and interval need.

    The kernel is taken less 1, a constant that cancels in the distance but would cost it digits: descriptors are short, so that
    most of the kernel is the 1.

    Attributes:
        xx, yy: (I, I) sums over pairs of different images; xy: (I, I) over all pairs.
        of_x, of_y: (I,) images of each cluster.
    """

    xx: Array
    yy: Array
    xy: Array
    of_x: Array
    of_y: Array

    def distance(self) -> float:
        """The unbiased estimate; NaN without two images in each set."""
        return float(self.resampled(np.ones((1, len(self.of_x))))[0])

    def resampled(self, weights: Array) -> Array:
        """Estimates (R,) when clusters are drawn as often as `weights` (R, I) says; NaN where no pair is left.

        Pairs inside a cluster that was drawn w times count w times, not w² times: copies of a person are not compared with each
        other, neither inside a set nor between the sets. Otherwise resampled distances would be off by what makes persons alike.
        """
        copies = weights - weights * weights
        means = []
        for sums, of_a, of_b, within in (
            (self.xx, self.of_x, self.of_x, self.of_x * (self.of_x - 1)),
            (self.yy, self.of_y, self.of_y, self.of_y * (self.of_y - 1)),
            (self.xy, self.of_x, self.of_y, self.of_x * self.of_y),
        ):
            between = (weights @ of_a) * (weights @ of_b) - (weights * weights) @ (of_a * of_b)
            pairs = between + weights @ within
            total = ((weights @ sums) * weights).sum(axis=1) + copies @ np.diag(sums)
            means.append(np.divide(total, pairs, out=np.full(len(weights), np.nan), where=pairs > 0))
        return np.asarray(means[0] + means[1] - 2 * means[2])


def kid(features: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy, kernel (x·y/d + 1)³.

    Args:
        features, reference: (N, D) and (M, D), at least two rows each.

    Raises:
        ValueError: fewer rows, or features of different length.
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    return kernel_sums(x, np.zeros(len(x), np.int64), y, np.zeros(len(y), np.int64)).distance()


def kernel_sums(x: Array, clusters_x: Clusters, y: Array, clusters_y: Clusters) -> Sums:
    """Kernel sums between clusters, in blocks, so that memory does not grow with the square of the number of images.

    Args:
        x, y: (N, D), (M, D) features.
        clusters_x, clusters_y: (N,), (M,) cluster of each image, counted together from 0.

    Raises:
        ValueError: fewer than two rows, or features of different length.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(f"two features of one length at least are needed on both sides, not {x.shape} and {y.shape}")
    groups = min(_CLUSTERS, 1 + int(max(clusters_x.max(), clusters_y.max())))
    a, b = clusters_x % groups, clusters_y % groups
    return Sums(
        _between(x, a, x, a, groups, same=True),
        _between(y, b, y, b, groups, same=True),
        _between(x, a, y, b, groups, same=False),
        np.bincount(a, minlength=groups).astype(np.float64),
        np.bincount(b, minlength=groups).astype(np.float64),
    )


def intervals(
    sums: Sums, others: Sums | None = None, *, seed: int, resamples: int = _RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """A percentile interval of the distance, or of how much it is below another's, drawn over clusters.

    Args:
        sums: of the method.
        others: of what it is compared with, on the same clusters; then the interval is of `others` minus `sums`, and both are
            resampled alike.
        seed: of the draws.
        resamples: how many.
        level: of confidence.

    Returns:
        Low and high; NaN where a set has images in fewer than ten clusters, of which resampling says nothing.
    """
    sets = [part for each in (sums, others) if each is not None for part in (each.of_x, each.of_y)]
    if min(np.count_nonzero(part) for part in sets) < _FEWEST:
        return float("nan"), float("nan")
    size = len(sums.of_x)
    rng = generator(seed, "kid", size)
    found = []
    for first in range(0, resamples, _DRAWS):
        weights = rng.multinomial(size, np.full(size, 1 / size), min(_DRAWS, resamples - first)).astype(np.float64)
        values = sums.resampled(weights)
        found.append(values if others is None else others.resampled(weights) - values)
    low, high = np.nanquantile(np.concatenate(found), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _between(x: Array, a: Clusters, y: Array, b: Clusters, groups: int, *, same: bool) -> Array:
    """Kernel sums (groups, groups) between clusters; of one and the `same` set without pairs of an image and itself."""
    out = np.zeros((groups, groups))
    down, right = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
    for top in range(0, len(x), _BLOCK):
        rows = down[top : top + _BLOCK]
        upper, first_rows = np.unique(a[rows], return_index=True)
        for left in range(top if same else 0, len(y), _BLOCK):
            columns = right[left : left + _BLOCK]
            lower, first_columns = np.unique(b[columns], return_index=True)
            kernel = _kernel(x[rows], y[columns])
            if same and left == top:
                np.fill_diagonal(kernel, 0.0)
            sums = np.add.reduceat(np.add.reduceat(kernel, first_columns, axis=1), first_rows, axis=0)
            out[np.ix_(upper, lower)] += sums
            if same and left > top:
                out[np.ix_(lower, upper)] += sums.T
    return out


def _kernel(x: Array, y: Array) -> Array:
    """(x·y/d + 1)³ - 1 of all rows (N, D) and (M, D); (N, M)."""
    t = x @ y.T
    t /= x.shape[1]
    out = t + 3
    out *= t
    out += 3
    out *= t
    return np.asarray(out)
