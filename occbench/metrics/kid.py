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

_BLOCK = 2048  # rows of a kernel matrix at a time
_CLUSTERS = 2000  # at most: more identities share clusters, so that the matrices between clusters stay small
_RESAMPLES = 1000


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

    Attributes:
        xx, yy: (I, I) sums over pairs of different images; xy: (I, I) over all pairs.
        of_x, of_y: (I,) images of each cluster.
    """

    xx: Array
    yy: Array
    xy: Array
    of_x: Array
    of_y: Array

    def distance(self, weights: Array | None = None) -> float:
        """The unbiased estimate; `weights` (I,) says how often each cluster was drawn.

        Pairs inside a cluster that was drawn w times count w times, not w² times: copies of a person are not compared with each
        other, neither inside a set nor between the sets. Otherwise resampled distances would be off by what makes persons alike.
        """
        w = np.ones(len(self.of_x)) if weights is None else weights
        means = []
        for sums, of_a, of_b, within in (
            (self.xx, self.of_x, self.of_x, self.of_x * (self.of_x - 1)),
            (self.yy, self.of_y, self.of_y, self.of_y * (self.of_y - 1)),
            (self.xy, self.of_x, self.of_y, self.of_x * self.of_y),
        ):
            pairs = (w @ of_a) * (w @ of_b) - (w * w) @ (of_a * of_b) + w @ within
            if pairs <= 0:
                return float("nan")
            means.append((w @ sums @ w + (w - w * w) @ np.diag(sums)) / pairs)
        return float(means[0] + means[1] - 2 * means[2])


def kid(features: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy, kernel (x·y/d + 1)³.

    Args:
        features, reference: (N, D) and (M, D), at least two rows each.

    Raises:
        ValueError: fewer rows, or features of different length.
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    return kernel_sums(x, np.zeros(len(x), np.int64), y, np.zeros(len(y), np.int64)).distance()


def kernel_sums(x: Array, clusters_x: npt.NDArray[np.int64], y: Array, clusters_y: npt.NDArray[np.int64]) -> Sums:
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


def intervals(sums: Sums, others: Sums | None = None, *, seed: int, level: float = 0.95) -> tuple[float, float]:
    """A percentile interval of the distance, or of how much it is below another's, drawn over clusters.

    Args:
        sums: of the method.
        others: of what it is compared with, on the same clusters; then the interval is of `others` minus `sums`.
        seed: of the draws.
        level: of confidence.
    """
    size = len(sums.of_x)
    rng = generator(seed, "kid", size)
    found = []
    for _ in range(_RESAMPLES):
        weights = rng.multinomial(size, np.full(size, 1 / size)).astype(np.float64)
        value = sums.distance(weights)
        found.append(value if others is None else others.distance(weights) - value)
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _between(x: Array, a: npt.NDArray[np.int64], y: Array, b: npt.NDArray[np.int64], groups: int, *, same: bool) -> Array:
    order = np.argsort(b, kind="stable")
    starts = np.searchsorted(b[order], np.arange(groups))
    filled = np.flatnonzero(np.bincount(b, minlength=groups))
    out = np.zeros((groups, groups))
    for first in range(0, len(x), _BLOCK):
        rows = slice(first, first + _BLOCK)
        kernel = (x[rows] @ y.T / x.shape[1] + 1) ** 3
        if same:
            kernel[np.arange(len(kernel)), np.arange(first, first + len(kernel))] = 0.0
        columns = np.add.reduceat(kernel[:, order], starts[filled], axis=1)
        np.add.at(out, (a[rows][:, None], filled[None, :]), columns)
    return out
