"""Is one method better than another? Paired tests over identities, corrected for many comparisons, and groups that are tied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from occbench.scoring.statistics import Interval, ratio_intervals
from occbench.seeding import generator

Array = npt.NDArray[np.float64]

FLIPS = 10_000
ALPHA = 0.05
_BLOCK = 1000  # flips at a time


@dataclass(frozen=True)
class Sums:
    """One column of one method: what is needed of each identity.

    Attributes:
        sums: (I,) sum of an identity's values.
        counts: (I,) how many they are.
    """

    sums: Array
    counts: Array

    @property
    def mean(self) -> float:
        """Of all values; NaN without any."""
        total = float(self.counts.sum())
        return float(self.sums.sum()) / total if total else float("nan")


@dataclass(frozen=True)
class Comparison:
    """How far a method is from another.

    Attributes:
        difference: of the means, with its bootstrap interval.
        p: two-sided, by sign flips.
    """

    difference: Interval
    p: float


def paired(first: Sums, second: Sums, *, seed: int) -> Comparison:
    """First minus second, over the identities that have values of both.

    The test (Fisher 1935; Winkler et al. 2015) flips the sign of each identity's difference of means, weighted by its number of
    values: if both methods are alike, either could have come first for every person. p counts the flipped totals that are at least
    as far from 0 as the one seen, which counts too.

    Args:
        first, second: columns over the same identities in the same order.
        seed: of flips and resamples.

    Raises:
        ValueError: columns over different numbers of identities.
    """
    if first.sums.shape != second.sums.shape:
        raise ValueError("paired tests need the same identities")
    both = (first.counts > 0) & (second.counts > 0)
    if not both.any():
        return Comparison(Interval(float("nan"), None, None, 0), 1.0)
    a, b = (column.sums[both] / column.counts[both] for column in (first, second))
    weight = np.minimum(first.counts[both], second.counts[both])
    apart = (a - b) * weight
    interval = ratio_intervals(apart[:, None], weight[:, None], seed=seed)[0]
    total = abs(float(apart.sum()))
    tolerance = 1e-12 * float(np.abs(apart).sum())
    beyond = sum(int((np.abs(signs @ apart) >= total - tolerance).sum()) for signs in _signs(len(apart), seed))
    return Comparison(interval, (1 + beyond) / (1 + FLIPS))


def holm(p: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979), in the order given."""
    order = np.argsort(np.asarray(p, dtype=np.float64), kind="stable")
    out, worst = [0.0] * len(p), 0.0
    for rank, number in enumerate(order.tolist()):
        worst = max(worst, min(1.0, p[number] * (len(p) - rank)))
        out[number] = worst
    return out


def tied_groups(columns: Mapping[str, Sums], *, higher_is_better: bool, seed: int) -> dict[str, int]:
    """Groups of methods that cannot be told apart, counted from 1 for the best.

    The best method opens group 1; every method whose Holm-corrected paired test against it does not reject at 5 % joins it. The
    best of those left opens the next group, and so on. A method without values is in no group.

    Args:
        columns: of the methods, over the same identities in the same order.
        higher_is_better: direction.
        seed: of flips.
    """
    left = [name for name in columns if np.isfinite(columns[name].mean)]
    left.sort(key=lambda name: (-columns[name].mean if higher_is_better else columns[name].mean, name))
    groups: dict[str, int] = {}
    number = 0
    while left:
        number += 1
        best, *others = left
        corrected = holm([paired(columns[best], columns[name], seed=seed).p for name in others])
        members = [best, *(name for name, p in zip(others, corrected, strict=True) if p > ALPHA)]
        groups |= dict.fromkeys(members, number)
        left = [name for name in left if name not in groups]
    return groups


@lru_cache(maxsize=2)
def _signs(size: int, seed: int) -> tuple[npt.NDArray[np.int8], ...]:
    """(FLIPS, I) of -1 and 1, in blocks."""
    rng = generator(seed, "flips", size)
    return tuple(
        (2 * rng.integers(0, 2, (min(_BLOCK, FLIPS - first), size), dtype=np.int8) - 1).astype(np.int8)
        for first in range(0, FLIPS, _BLOCK)
    )
