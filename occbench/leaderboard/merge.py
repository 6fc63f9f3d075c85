"""Results side by side: only what compares, ranked by one metric, with the methods that are statistically tied."""

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from occbench.errors import InputError, UsageError
from occbench.leaderboard.results import RESULT, Data, Figure, Result, read_result
from occbench.leaderboard.ties import Against, compared
from occbench.metrics import METRICS, REGIONS

_PREFERRED = ("psnr_mask", "psnr")  # what is sorted by unless something else is asked for


@dataclass(frozen=True)
class Row:
    """A method's place.

    Attributes:
        rank: 1 is best; equal values share it; None where the metric was not measured.
        result: its numbers.
        tied_group: counted from 1 for the best; members are not told apart from the best of them; None where nothing was tested.
        against: its difference to the baseline that was asked for, or None.
    """

    rank: int | None
    result: Result
    tied_group: int | None
    against: Against | None


@dataclass(frozen=True)
class Section:
    """A table whose numbers compare.

    Attributes:
        data: what all methods were scored on; `missing` is that of the first.
        columns: each with the first figure that has it, for its name, region, direction and signature.
        sort: the column that ranks.
        rows: best first.
        baseline: the method that `against` compares with, or None.
        notes: sentences for the reader.
    """

    data: Data
    columns: dict[str, Figure]
    sort: str
    rows: tuple[Row, ...]
    baseline: str | None
    notes: tuple[str, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """In the order of the rows."""
        return tuple(row.result for row in self.rows)


def merge(
    folders: Sequence[Path], *, sort: str | None = None, baseline: str | None = None, sections: bool = False
) -> tuple[Section, ...]:
    """Read results and rank them. The order in which they are given does not matter.

    Args:
        folders: of results, at least one.
        sort: a metric, or metric and region as in `psnr_mask`; None for PSNR inside the mask where there is one.
        baseline: a method that all others are compared with.
        sections: make a table for each data set and each way of measuring, instead of refusing to mix them.

    Raises:
        InputError: an unusable result; two results of one name; results of different data, or whose metrics were computed
            differently, without `sections`. Names the files and how they differ.
        UsageError: no such metric or method; lists the right ones.
    """
    results = sorted(map(read_result, folders), key=lambda result: (result.name, str(result.path)))
    groups = _sectioned(results) if sections else [results]
    for group in groups:
        _check_names(group)
        _check_data(group)
        _check_figures(group)
    found = {name: None for group in groups for name in _columns(group)}
    if sort is not None:
        sort = _known("metric", sort.removesuffix("_full"), found)
    if baseline is not None:
        baseline = _known("method", baseline, dict.fromkeys(result.name for result in results))
    return tuple(_section(group, sort, baseline) for group in groups)


def signature_set(signatures: Iterable[str]) -> str:
    """A short name for a way of measuring: 12 hexadecimal digits of the sha256 of the sorted signatures."""
    return hashlib.sha256("\n".join(sorted(set(signatures))).encode()).hexdigest()[:12]


def _section(results: Sequence[Result], sort: str | None, baseline: str | None) -> Section:
    columns, notes = _columns(results), []
    if not columns:
        raise InputError(f"{results[0].path / RESULT}: no metric in it; score again.")
    columns = {name: f for name, f in columns.items() if any(_value(result, name) is not None for result in results)} or columns
    if sort not in columns:
        chosen = next((name for name in _PREFERRED if name in columns), next(iter(columns)))
        if sort is not None:
            notes.append(f"Nothing here has {sort}: ranked by {chosen}.")
        sort = chosen
    present = {result.name for result in results}
    if baseline is not None and baseline not in present:
        notes.append(f"{baseline} was not scored on these data, so nothing is compared with it.")
        baseline = None
    ties = compared(results, columns[sort], baseline)
    for result in results:
        if result.data.missing:
            whole = result.data.n + result.data.missing
            notes.append(f"{result.name}: {result.data.missing} of {whole} predictions are missing and left out.")
        notes += [f"{result.name}: {warning}" for warning in result.warnings]
    for metric, reason in sorted({item for result in results for item in result.skipped.items()}):
        lacking = [result.name for result in results if result.skipped.get(metric) == reason]
        who = "" if len(lacking) == len(results) else f" of {', '.join(lacking)}"
        notes.append(f"{metric}{who} was not measured: {reason}")
    return Section(
        *(results[0].data, columns, sort, _ranked(results, columns[sort], ties.groups, ties.against)),
        *(baseline, (*notes, *ties.notes)),
    )


def _ranked(results: Sequence[Result], by: Figure, groups: dict[str, int], against: dict[str, Against]) -> tuple[Row, ...]:
    def key(result: Result) -> tuple[bool, float, str]:
        value = _value(result, by.column)
        return value is None, (-1 if by.higher_is_better else 1) * (value or 0.0), result.name

    rows: list[Row] = []
    for place, result in enumerate(sorted(results, key=key), 1):
        value = _value(result, by.column)
        rank: int | None = None if value is None else place
        if rows and value is not None and value == _value(rows[-1].result, by.column):
            rank = rows[-1].rank
        rows.append(Row(rank, result, groups.get(result.name), against.get(result.name)))
    return tuple(rows)


def _value(result: Result, column: str) -> float | None:
    figure = result.figures.get(column)
    return None if figure is None else figure.value


def _columns(results: Sequence[Result]) -> dict[str, Figure]:
    """All columns, in the order of the registry and of the regions."""
    first: dict[str, Figure] = {}
    for result in results:
        for name, figure in result.figures.items():
            first.setdefault(name, figure)
    known = list(METRICS)

    def place(figure: Figure) -> tuple[int, str, int]:
        number = known.index(figure.name) if figure.name in known else len(known)
        return number, figure.name, [str(region) for region in REGIONS].index(figure.region)

    return {figure.column: figure for figure in sorted(first.values(), key=place)}


def _sectioned(results: Sequence[Result]) -> list[list[Result]]:
    """Groups whose data and signatures agree, in the order of their first names."""
    groups: list[list[Result]] = []
    for result in results:
        fitting = (group for group in groups if _data_key(group[0]) == _data_key(result) and not _conflicts([*group, result]))
        home = next(fitting, None)
        if home is None:
            groups.append([result])
        else:
            home.append(result)
    return groups


def _check_names(results: Sequence[Result]) -> None:
    for one, other in pairwise(results):
        if one.name == other.name:
            raise InputError(
                f"Two results are called {one.name!r}: {one.path} and {other.path}."
                " Leave one out, or score one again with another --name."
            )


def _check_data(results: Sequence[Result]) -> None:
    if len({_data_key(result) for result in results}) < 2:
        return
    lines = (
        f"  {result.path / RESULT}: {result.data.source}, split {result.data.split}, {result.data.n} pairs,"
        f" data fingerprint {result.data.fingerprint[:12]}"
        for result in results
    )
    raise InputError(
        "Results of different data do not rank together:\n" + "\n".join(lines) + "\n--sections makes a table for each data set."
    )


def _check_figures(results: Sequence[Result]) -> None:
    conflicts = _conflicts(results)
    if not conflicts:
        return
    lines = []
    for name in conflicts:
        lines += [
            f"  {name}, {result.path / RESULT}: {figure.signature}, {'higher' if figure.higher_is_better else 'lower'} is better"
            for result in results
            if (figure := result.figures.get(name))
        ]
    raise InputError(
        "These metrics were not computed in the same way, so their numbers do not compare:\n"
        + "\n".join(lines)
        + "\nScore again with one version of occbench, or give --sections for a table for each way of measuring."
    )


def _conflicts(results: Sequence[Result]) -> list[str]:
    """Columns that not all results computed in the same way."""
    seen: dict[str, set[tuple[str, bool]]] = {}
    for result in results:
        for name, figure in result.figures.items():
            seen.setdefault(name, set()).add((figure.signature, figure.higher_is_better))
    return [name for name, ways in seen.items() if len(ways) > 1]


def _data_key(result: Result) -> tuple[str, str, int]:
    return result.data.fingerprint, result.data.split, result.data.n


def _known(kind: str, name: str, names: dict[str, None]) -> str:
    if name in names:
        return name
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"There is no {kind} {name!r} in these results: choose from {', '.join(names)}.{hint}")
