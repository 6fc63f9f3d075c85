"""The counts of a data set as tables, for a terminal and for a Markdown page."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from occbench.stats.tally import ALBUM_EDGES, COVERAGE_EDGES, POSE_EDGES, POSES, QUANTILES, Tally

_LONGEST = 60  # characters of a name on a terminal


@dataclass(frozen=True)
class Table:
    """Names to the left, numbers to the right.

    Attributes:
        title: one line.
        columns: their headings.
        rows: as many cells each as there are columns.
        names: how many columns, from the left, hold text.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    names: int = 1


def tables(tally: Tally, rejects: Mapping[tuple[str, str], int] | None = None) -> dict[str, Table]:
    """Every table there is, by a short name, in the order in which they are shown.

    Args:
        tally: of the manifest.
        rejects: of the same data set, as `fates` counts them.
    """
    splits = tuple(tally.splits)
    people = {split: tally.album_bins(split) for split in splits}
    found = {
        "splits": Table(
            "Splits",
            ("split", "people", "photographs", "pairs"),
            tuple((split, tally.people(split), tally.photographs(split), tally.pairs[split]) for split in splits),
        ),
        "occluders": Table(
            "Pairs by occluder, variant and split",
            ("occluder", "variant", *splits),
            tuple((*kind, *(pairs[split] for split in splits)) for kind, pairs in sorted(tally.kinds.items())),
            names=2,
        ),
        "quantiles": Table(
            "Covered share of the face: so many of the pairs have at most …",
            ("occluder", *(f"{100 * quantile:g} %" for quantile in QUANTILES)),
            tuple((name, *(f"{share:.3f}" for share in tally.coverage_quantiles(name))) for name in tally.occluders),
        ),
        "coverage": Table(
            "Pairs by the covered share of the face",
            ("occluder", *_spans(COVERAGE_EDGES)),
            tuple((name, *tally.coverage_bins(name)) for name in tally.occluders),
        ),
        "pose": Table(
            "Pairs by head pose, degrees",
            ("angle", f"below {POSE_EDGES[0]}", *(f"{a} to {b}" for a, b in pairwise(POSE_EDGES)), f"from {POSE_EDGES[-1]}"),
            tuple((pose, *tally.pose_bins(pose)) for pose in POSES) if splits else (),
        ),
        "albums": Table(
            "People by their number of photographs",
            ("photographs", *splits),
            tuple((name, *(people[split][n] for split in splits)) for n, name in enumerate(_counts(ALBUM_EDGES)) if splits),
        ),
        "landmarks": Table("Landmarks by", ("detector", "pairs"), _counted(tally.detectors)),
        "warnings": Table("Warnings", ("warning", "pairs"), _counted(tally.warnings)),
        "rejects": Table(
            "Rejects",
            ("occluder", "reason", "how many"),
            tuple(
                (occluder or "(the whole photograph)", reason, many) for (occluder, reason), many in sorted((rejects or {}).items())
            ),
            names=2,
        ),
    }
    return found


def text(table: Table) -> str:
    """A table for a terminal: aligned, control characters escaped, long names cut."""
    cells = [[_cell(value) for value in row] for row in (table.columns, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = (c.ljust(w) if n < table.names else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  " + "  ".join(padded).rstrip())
    return "\n".join([table.title, *lines])


def markdown(table: Table) -> str:
    """A table for a page. Text from a manifest means nothing but itself."""
    head = f"| {' | '.join(table.columns)} |"
    rule = f"|{' --- |' * table.names}{' ---: |' * (len(table.columns) - table.names)}"
    rows = (f"| {' | '.join(plain(str(value)) for value in row)} |" for row in table.rows)
    return "\n".join([head, rule, *rows])


def plain(text: str) -> str:
    """Text from a manifest, which may be anybody's, as one line of Markdown that means nothing but itself."""
    escaped = printable(text).translate({ord(c): f"&#{ord(c)};" for c in "&<>|`[]*_~\\:"})
    return escaped.replace("www.", "www&#46;")  # what looks like an address would become a link


def printable(text: str) -> str:
    """Text from a manifest as one line that cannot control a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _cell(value: Any) -> str:
    line = printable(str(value))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _counted(counts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items()))


def _spans(edges: tuple[float, ...]) -> tuple[str, ...]:
    return (*(f"{low:g}–{high:g}" for low, high in pairwise(edges)), f"{edges[-1]:g}–1")


def _counts(edges: tuple[int, ...]) -> tuple[str, ...]:
    return (*(f"{low}" if high == low + 1 else f"{low}–{high - 1}" for low, high in pairwise(edges)), f"{edges[-1]} or more")
