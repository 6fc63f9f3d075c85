"""Which methods are statistically tied, and how far each is from a named one: from the sums that results keep of each identity."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from occbench.errors import InputError
from occbench.leaderboard.results import PER_IDENTITY, Figure, Result, within
from occbench.scoring.compare import Sums, holm, paired, tied_groups

_SEED = 0
_MAX_BYTES = 1 << 28
_MAX_ROWS = 1_000_000
_MAX_NAME = 64  # bytes of a pseudonym


@dataclass(frozen=True)
class Against:
    """Attributes:
    difference: to the baseline, signed so that positive is better.
    p: two-sided, Holm-corrected over all methods that are compared with the baseline.
    """

    difference: float
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
    """Paired tests between methods on one column. Needs `per_identity.parquet` beside each `result.json`; who lacks it is not tested.

    Args:
        results: with different names, of the same data.
        by: says which column, and which direction is better.
        baseline: the name of one of them, or None.

    Raises:
        InputError: a table that is damaged, or holds what no sums and counts can be.
    """
    tables = {result.name: table for result in results if (table := _table(result, by.column)) is not None}
    untested = sorted(result.name for result in results if result.name not in tables)
    if not tables:
        return Compared(notes=(f"No tests of {by.column}: it has no values for each identity.",))
    notes = (f"Not tested, for lack of {by.column} in {PER_IDENTITY}: {', '.join(untested)}.",) if untested else ()
    place = {name: number for number, name in enumerate(sorted(set().union(*tables.values())))}
    columns = {name: _aligned(table, place) for name, table in tables.items()}
    groups = tied_groups(columns, higher_is_better=by.higher_is_better, seed=_SEED)
    if baseline is None:
        return Compared(groups, notes=notes)
    if baseline not in columns:
        return Compared(groups, notes=(*notes, f"Nothing is compared with {baseline}, which has no values for each identity."))
    tests = {name: paired(column, columns[baseline], seed=_SEED) for name, column in columns.items() if name != baseline}
    tests = {name: test for name, test in tests.items() if math.isfinite(test.difference.value)}
    sign = 1.0 if by.higher_is_better else -1.0
    corrected = holm([test.p for test in tests.values()])
    return Compared(
        groups,
        {name: Against(sign * test.difference.value, p) for (name, test), p in zip(tests.items(), corrected, strict=True)},
        notes,
    )


def _aligned(table: dict[str, tuple[float, int]], place: dict[str, int]) -> Sums:
    sums, counts = np.zeros(len(place)), np.zeros(len(place))
    for identity, (total, count) in table.items():
        sums[place[identity]], counts[place[identity]] = total, count
    return Sums(sums, counts)


def _table(result: Result, column: str) -> dict[str, tuple[float, int]] | None:
    """Identity to sum and count of one column; None where the file or the column is missing."""
    path = result.path / PER_IDENTITY
    if not path.exists():
        return None
    within(path, result.path)
    names = ["identity", f"{column}_sum", f"{column}_count"]
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"no file of at most {_MAX_BYTES} bytes")
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            if any(name not in file.schema_arrow.names for name in names[1:]):
                return None
            if file.metadata.num_rows > _MAX_ROWS:
                raise ValueError(f"more than {_MAX_ROWS} identities")
            table = file.read(columns=names, use_threads=False)
        identities = table.column("identity").cast(pa.string()).to_pylist()
        sums, counts = table.column(names[1]).cast(pa.float64()).to_pylist(), table.column(names[2]).cast(pa.int64()).to_pylist()
    except (OSError, ValueError, KeyError, MemoryError, pa.ArrowException) as error:
        raise InputError(f"{path}: not readable: {' '.join(str(error).split())[:200]}. Score again.") from None
    found = dict(zip(identities, zip(sums, counts, strict=True), strict=True))
    sound = len(found) == len(identities) and all(
        identity and len(identity) <= _MAX_NAME and total is not None and math.isfinite(total) and count is not None and count >= 0
        for identity, (total, count) in found.items()
    )
    if not sound:
        raise InputError(f"{path}: an identity that comes twice or is empty, or a sum or count of {column} that is none. Score again.")
    return found
