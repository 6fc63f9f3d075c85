"""How sure a number is: bootstrap intervals of means, clustered by identity (Efron and Tibshirani 1993; Field and Welsh 2007).

Photographs of one person are alike, so persons are resampled, not photographs. Sums and counts a person are all that is needed.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from occbench.seeding import generator

Array = npt.NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95
_BLOCK = 250  # resamples at a time


@dataclass(frozen=True)
class Interval:
    """A mean and where it probably lies.

    Attributes:
        value: the mean; NaN without a value.
        low, high: bounds, or None with fewer than two persons.
        n: values.
    """

    value: float
    low: float | None
    high: float | None
    n: int


def ratio_intervals(sums: npt.ArrayLike, counts: npt.ArrayLike, *, seed: int, resamples: int = RESAMPLES) -> list[Interval]:
    """Percentile intervals of means over values that are clustered.

    Every column is resampled with the same draws, which depend on the seed and the number of clusters alone; a cluster without
    values in a column takes no part there.

    Args:
        sums: (I, C) sum of a cluster's values, by column.
        counts: (I, C) how many they are.
        seed: of the draws.
        resamples: how many.
    """
    s, c = (np.asarray(values, dtype=np.float64).reshape(len(np.asarray(values)), -1) for values in (sums, counts))
    enough = (c > 0).sum(axis=0) > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        means = s.sum(axis=0) / c.sum(axis=0)
        bounds = np.full((2, s.shape[1]), np.nan)
        if enough.any():
            drawn = np.concatenate([(w @ s[:, enough]) / (w @ c[:, enough]) for w in _weights(len(s), seed, resamples)])
            bounds[:, enough] = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return [
        Interval(float(mean), float(low) if fine else None, float(high) if fine else None, int(n))
        for mean, low, high, n, fine in zip(means, *bounds, c.sum(axis=0), enough, strict=True)
    ]


def mean_interval(values: npt.ArrayLike, clusters: npt.ArrayLike, *, seed: int, resamples: int = RESAMPLES) -> Interval:
    """The same of values (N,) themselves and their clusters (N,); NaN values are left out."""
    v = np.asarray(values, dtype=np.float64)
    _, number = np.unique(np.asarray(clusters), return_inverse=True)
    sums, counts = totals(v[:, None], number, int(number.max()) + 1 if len(number) else 0)
    return ratio_intervals(sums, counts, seed=seed, resamples=resamples)[0]


def totals(values: Array, clusters: npt.NDArray[np.int64], size: int) -> tuple[Array, Array]:
    """Sums and counts (I, C) of the defined values (N, C) of each of `size` clusters (N,)."""
    defined = ~np.isnan(values)
    filled = np.where(defined, values, 0.0)
    sums = [np.bincount(clusters, weights=column, minlength=size) for column in filled.T]
    counts = [np.bincount(clusters, weights=column, minlength=size) for column in defined.T]
    return np.stack(sums, axis=1), np.stack(counts, axis=1)


@lru_cache(maxsize=2)
def _weights(size: int, seed: int, resamples: int) -> tuple[Array, ...]:
    """How often each of `size` clusters is drawn, (resamples, I) in blocks."""
    rng = generator(seed, "bootstrap", size)
    chance = np.full(size, 1 / size)
    blocks = [min(_BLOCK, resamples - first) for first in range(0, resamples, _BLOCK)]
    return tuple(rng.multinomial(size, chance, block).astype(np.float64) for block in blocks)
