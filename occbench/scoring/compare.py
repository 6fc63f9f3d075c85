"""Is one method better than another, or is it luck? Paired tests on the sums and counts by identity that results carry.

Two methods are compared on the same identities, each of which counts as one draw: images of one person are alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from occbench.errors import InputError, UsageError
from occbench.scoring.statistics import LEVEL, RESAMPLES, bounds, grouped, resampled
from occbench.seeding import random_bytes

Array = npt.NDArray[Any]
Table = tuple[Array, Array]  # sums (K,) and counts (K,) by identity

FLIPS = 10_000
_BLOCK = 1 << 22  # signs at a time, so that they take 32 MB


@dataclass(frozen=True)
class Comparison:
    """One method against another.

    Attributes:
        difference: of the means, method minus the other, in the metric's unit; its sign does not say which is better.
        low, high: ends of its 95 % interval, None where fewer than two identities are compared.
        p: of the sign-flip test, two-sided, for this pair of methods alone.
        p_holm: corrected for all methods compared with the same one on the same column.
        identities: how many were compared.
    """

    difference: float
    low: float | None
    high: float | None
    p: float
    p_holm: float
    identities: int


def against(
    tables: Mapping[str, pd.DataFrame],
    name: str,
    column: str,
    *,
    seed: int = 0,
    intersect: bool = False,
    resamples: int = RESAMPLES,
    flips: int = FLIPS,
) -> dict[str, Comparison]:
    """Every other method against a named one, on one column. The order of the rows of a table does not matter.

    Args:
        tables: method to its `per_identity.parquet`: `identity`, and `<column>_sum` and `<column>_count`.
        name: the method that the others are compared with.
        column: of a metric and region (`occbench.metrics.column`).
        seed: of resamples and flips, which all methods and columns of one data set share.
        intersect: compare on the identities that all tables have, instead of refusing tables whose identities differ.
        resamples, flips: how many.

    Returns:
        Method to comparison; without methods that have nothing in common with the named one in this column.

    Raises:
        UsageError: no such method.
        InputError: a table that is damaged, or tables of different identities.
    """
    if name not in tables:
        raise UsageError(f"No result is called {name!r}; there are: {', '.join(tables)}.")
    found = _columns(tables, column, intersect)
    if name not in found:
        return {}
    others = [other for other in found if other != name]
    return _compared(found, name, others, seed, resamples, flips)


def tied_groups(
    tables: Mapping[str, pd.DataFrame],
    column: str,
    *,
    higher_is_better: bool,
    seed: int = 0,
    intersect: bool = False,
    level: float = 0.05,
    flips: int = FLIPS,
) -> dict[str, int]:
    """Which methods the data cannot tell from the best one.

    Methods are sorted by value. The best one leads group 1, and every method belongs to it whose paired test against the leader,
    Holm-corrected over all methods tested against it, does not reject at `level`. The best of those left leads group 2, and so on.
    Members are tied with their leader, not always with each other; and a method with noisy values may be in an earlier group than
    one that is ranked before it.

    Args:
        tables, column, seed, intersect, flips: as for `against`.
        higher_is_better: which value is the best.
        level: of the tests.

    Returns:
        Method to group, from 1, best method first; without methods that have no value.

    Raises:
        InputError: as `against`.
    """
    found = _columns(tables, column, intersect)
    sign = -1.0 if higher_is_better else 1.0
    value = {name: sign * float(sums.sum() / counts.sum()) for name, (sums, counts) in found.items()}
    ranked = sorted(found, key=lambda name: (value[name], name))
    left, groups = ranked, dict.fromkeys(ranked, 0)
    while left:
        leader, others = left[0], left[1:]
        compared = _compared(found, leader, others, seed, None, flips)
        # Two methods without a common identity cannot be compared, so nothing ties them.
        tied = [leader, *(other for other in others if other in compared and compared[other].p_holm > level)]
        group = max(groups.values()) + 1
        groups.update(dict.fromkeys(tied, group))
        left = [name for name in left if name not in tied]
    return groups


def holm(p: Sequence[float]) -> list[float]:
    """P-values corrected for their number, in the order given (Holm 1979, Scandinavian Journal of Statistics 6, 65-70)."""
    adjusted, highest = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda k: p[k])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = highest
    return adjusted


def contributions(a: Table, b: Table) -> npt.NDArray[np.float64]:
    """What each identity adds to the difference of two ratio means; the sum is the difference itself.

    Where both methods have the same counts this is (sum_a - sum_b) / total count. Where they differ, the mean of both together is
    taken off first, (sum - mean * count) / total of the method: an identity that only has more images in one of them then adds
    nothing, and under the null hypothesis of equal means contributions are centred on zero, as flipping their signs demands.

    Args:
        a, b: sums (K,) and counts (K,) of the same identities, some counts of each above 0.

    Returns:
        (K,) float64.
    """
    total_a, total_b = float(a[1].sum()), float(b[1].sum())
    mean = float(a[0].sum() + b[0].sum()) / (total_a + total_b)
    return np.asarray((a[0] - mean * a[1]) / total_a - (b[0] - mean * b[1]) / total_b, dtype=np.float64)


def flip_test(parts: npt.ArrayLike, *, seed: int, flips: int = FLIPS) -> npt.NDArray[np.float64]:
    """Two-sided p-values of the hypothesis that contributions are symmetric about zero, by random signs.

    The statistic is the absolute sum. Exact for symmetric contributions of whatever sizes. As every set of signs leaves the sum of
    squares as it is, the test equals one of the studentised sum, so it holds for asymmetric ones of mean zero too when there are
    many of them (Romano 1990, Journal of the American Statistical Association 85, 686-692). By simulation, with differences as
    skewed as an exponential distribution, a level of 5 % is 5.5 % with 400 identities, 6 % with 100 and 7 % with 30.

    Args:
        parts: (T, K) contributions of K identities in T tests, which share their flips.
        seed: with K and the number of flips, decides the signs.
        flips: how many.

    Returns:
        (T,) (1 + flips that reach the observed sum) / (1 + flips), so never 0.
    """
    table = grouped(np.asarray(parts, dtype=np.float64), seed).T
    observed, slack = table.sum(axis=0), 1e-12 * np.abs(table).sum(axis=0)  # equal sums in another order are equal
    row = (len(table) + 7) // 8
    packed = random_bytes(flips * row, seed, "sign-flip", len(table), flips).reshape(flips, row)
    reached = np.zeros(table.shape[1], dtype=np.int64)
    step = max(1, _BLOCK // max(1, len(table)))
    for first in range(0, flips, step):
        positive = np.unpackbits(packed[first : first + step], axis=1, count=len(table)).astype(np.float64)
        reached += (np.abs(2 * (positive @ table) - observed) >= np.abs(observed) - slack).sum(axis=0)
    return np.asarray((1 + reached) / (1 + flips), dtype=np.float64)


def _compared(
    found: Mapping[str, Table], name: str, others: Sequence[str], seed: int, resamples: int | None, flips: int
) -> dict[str, Comparison]:
    """Some methods against one; intervals only where resamples are asked for."""
    parts, done = [], {}
    for other in others:
        both = (found[other][1] > 0) & (found[name][1] > 0)
        if not both.any():
            continue
        # Identities that one of them lacks stay as zeros, so that all tests share resamples and flips.
        a, b = ((sums * both, counts * both) for sums, counts in (found[other], found[name]))
        low, high = _interval(a, b, seed, resamples)
        parts.append(contributions(a, b))
        difference = float(a[0].sum() / a[1].sum() - b[0].sum() / b[1].sum())
        done[other] = Comparison(difference, low, high, 1.0, 1.0, int(both.sum()))
    if not done:
        return {}
    p = [float(value) for value in flip_test(np.stack(parts), seed=seed, flips=flips)]
    tested = zip(done.items(), p, holm(p), strict=True)
    return {other: replace(comparison, p=alone, p_holm=corrected) for (other, comparison), alone, corrected in tested}


def _interval(a: Table, b: Table, seed: int, resamples: int | None) -> tuple[float | None, float | None]:
    if resamples is None:
        return None, None
    sum_a, count_a, sum_b, count_b = resampled(np.stack([*a, *b]), seed=seed, resamples=resamples)
    fine = (count_a > 0) & (count_b > 0)
    return bounds(sum_a[fine] / count_a[fine] - sum_b[fine] / count_b[fine], a[1] + b[1], level=LEVEL) or (None, None)


def _columns(tables: Mapping[str, pd.DataFrame], column: str, intersect: bool) -> dict[str, Table]:
    """Method to sums and counts of the same identities in the same order, of the methods that have values."""
    indexed = {}
    for name, table in tables.items():
        if "identity" not in table or not table["identity"].is_unique:
            raise InputError(f"The sums by identity of {name!r} lack identities, or repeat one: score it again.")
        if f"{column}_sum" in table and f"{column}_count" in table:
            indexed[name] = table.set_index("identity")[[f"{column}_sum", f"{column}_count"]]
    if not indexed:
        return {}
    first = next(iter(indexed))
    common = set(indexed[first].index)
    for name, table in indexed.items():
        if not intersect and set(table.index) != common:
            raise InputError(
                f"{first!r} and {name!r} have different identities, so they were scored on different data. "
                "Score them on the same split, or ask to compare them on the identities that both have."
            )
        common &= set(table.index)
    out = {}
    for name, table in indexed.items():
        numbers = table.loc[sorted(common)].to_numpy(dtype=np.float64)
        if not np.isfinite(numbers).all() or (numbers[:, 1] < 0).any():
            raise InputError(f"The sums by identity of {name!r} have a number in {column} that cannot be: score it again.")
        if numbers[:, 1].sum() > 0:
            out[name] = (numbers[:, 0], numbers[:, 1])
    return out
