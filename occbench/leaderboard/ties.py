"""Which methods are statistically tied, and how far each is from a named one: from the sums that results keep of each identity."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from occbench.errors import InputError
from occbench.leaderboard.results import PER_IDENTITY, Figure, Result, within
from occbench.scoring.compare import against, tied_groups

_MAX_BYTES = 1 << 28
_MAX_ROWS = 1_000_000
_MAX_NAME = 64  # characters of a pseudonym


@dataclass(frozen=True)
class Against:
    """Attributes:
    difference: to the baseline, signed so that positive is better.
    ci_low, ci_high: of its 95 % interval, or None.
    p: two-sided, Holm-corrected over all methods that are compared with the baseline.
    """

    difference: float
    ci_low: float | None
    ci_high: float | None
    p: float


@dataclass(frozen=True)
class Compared:
    """Attributes:
    groups: method to its group, counted from 1 for the best; its members are not told apart from the best of them.
    against: method to its difference to the baseline.
    notes: why something could not be tested.
    """

    groups: dict[str, int] = field(default_factory=dict)
    against: dict[str, Against] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def compared(results: Sequence[Result], by: Figure, baseline: str | None) -> Compared:
    """Paired tests between methods on one column.

    A result without `per_identity.parquet`, or without this column in it, is not tested.

    Args:
        results: with different names, of the same data.
        by: says which column, and which direction is better.
        baseline: the name of one of them, or None.

    Raises:
        InputError: a table that is damaged, holds what no sums and counts can be, or has other identities than another.
    """
    tables = {result.name: table for result in results if (table := _table(result, by.column)) is not None}
    if not tables:
        return Compared(notes=(f"No tests of {by.column}, which has no values for each identity.",))
    untested = [result.name for result in results if result.name not in tables]
    notes = [f"Not tested, for lack of {by.column} in {PER_IDENTITY}: {', '.join(untested)}."] if untested else []
    groups = tied_groups(tables, by.column, higher_is_better=by.higher_is_better)
    differences: dict[str, Against] = {}
    if baseline in tables:
        for name, found in against(tables, baseline, by.column).items():
            bounds = (found.low, found.high) if by.higher_is_better else (_minus(found.high), _minus(found.low))
            difference = found.difference if by.higher_is_better else -found.difference
            differences[name] = Against(difference, *bounds, found.p_holm)
    elif baseline is not None:
        notes.append(f"Nothing is compared with {baseline}, which has no values for each identity.")
    return Compared(groups, differences, tuple(notes))


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _table(result: Result, column: str) -> pd.DataFrame | None:
    """Identities with the sums and counts of one column; None where the file or the column is missing."""
    path = result.path / PER_IDENTITY
    if not path.exists():
        return None
    within(path, result.path)
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"no file of at most {_MAX_BYTES} bytes")
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            numbers = [f"{column}_sum", f"{column}_count"]
            if any(name not in file.schema_arrow.names for name in numbers):
                return None
            if file.metadata.num_rows > _MAX_ROWS:
                raise ValueError(f"more than {_MAX_ROWS} identities")
            read = file.read(columns=["identity", *numbers], use_threads=False)
        types = (pa.string(), pa.float64(), pa.int64())
        values = [read.column(name).cast(kind).to_pylist() for name, kind in zip(["identity", *numbers], types, strict=True)]
    except (OSError, ValueError, KeyError, MemoryError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable: {' '.join(str(error).split())[:200]}. Score again.") from None
    if not all(value is not None for row in values for value in row) or any(not 1 <= len(name) <= _MAX_NAME for name in values[0]):
        raise InputError(f"{path}: nothing where an identity, {numbers[0]} or {numbers[1]} should be. Score again.")
    return pd.DataFrame(dict(zip(["identity", *numbers], values, strict=True)))
