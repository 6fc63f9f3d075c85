"""The leaderboard as CSV for programs and as Markdown for a README."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from occbench.leaderboard import words
from occbench.leaderboard.merge import Row, Section, signature_set
from occbench.leaderboard.results import Figure

_SUFFIXES = ("", "_ci_low", "_ci_high", "_gain")


def to_csv(sections: Sequence[Section]) -> str:
    """The table of the contract: rank, name, track, tied_group, n, four columns a metric, fingerprint, signatures, version.

    Numbers are written so that they read back as the very same; a cell is empty where nothing was measured. Sections follow each
    other, and their ranks start again.
    """
    columns = list(dict.fromkeys(column for section in sections for column in section.columns))
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    numbers = [f"{column}{suffix}" for column in columns for suffix in _SUFFIXES]
    last = ("data_fingerprint", "signature_set", "occbench_version")
    writer.writerow(["rank", "name", "track", "tied_group", "n", *numbers, *last])
    for row in (row for section in sections for row in section.rows):
        result = row.result
        values = [text for column in columns for text in _cells(result.figures.get(column))]
        signatures = signature_set(figure.signature for figure in result.figures.values())
        first = ["" if row.rank is None else row.rank, result.name, result.track, _group(row), scored(row)]
        writer.writerow([*first, *values, result.data.fingerprint, signatures, result.version])
    return stream.getvalue()


def to_markdown(sections: Sequence[Section]) -> str:
    """A table a section, of the most telling columns, the best values in bold, with footnotes that say what the numbers are."""
    return "\n".join(_section(section) for section in sections)


def to_document(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """The ranking as plain values, for JSON: for each section what it is of, and its rows with the column that ranks."""
    return [
        {
            "data": {"fingerprint": section.data.fingerprint, "source": section.data.source, "split": section.data.split},
            "n": section.data.n,
            "sort": section.sort,
            "baseline": section.baseline,
            "signature_set": signature_set(figure.signature for figure in section.columns.values()),
            "rows": [_ranking(section, row) for row in section.rows],
            "notes": list(section.notes),
        }
        for section in sections
    ]


def scored(row: Row) -> int:
    """Pairs that the method was scored on."""
    return row.result.data.n - row.result.data.missing


def _group(row: Row) -> str:
    return "" if row.tied_group is None else str(row.tied_group)


def best(section: Section, column: str) -> str | None:
    """The best value of a column as it is printed, or None: whatever prints the same is as good."""
    head = section.columns[column]
    values = [figure.value for result in section.results if (figure := result.figures.get(column)) and figure.value is not None]
    if not values:
        return None
    return words.number(max(values) if head.higher_is_better else min(values), words.label(head).digits)


def _ranking(section: Section, row: Row) -> dict[str, Any]:
    figure = row.result.figures.get(section.sort)
    keys = ("value", "ci_low", "ci_high", "gain")
    numbers = {key: None if figure is None else getattr(figure, key) for key in keys}
    found = {"rank": row.rank, "name": row.result.name, "track": row.result.track, "tied_group": row.tied_group, "n": scored(row)}
    against = row.against and asdict(row.against)
    return {**found, **numbers, "against": against, "result": str(row.result.path)}


def _cells(figure: Figure | None) -> list[str]:
    if figure is None:
        return [""] * len(_SUFFIXES)
    return ["" if value is None else repr(value) for value in (figure.value, figure.ci_low, figure.ci_high, figure.gain)]


def _section(section: Section) -> str:
    data, head = section.data, section.columns[section.sort]
    title = f"{data.source}, {data.split}: {data.n} pairs" + (f" of {data.identities} identities" if data.identities else "")
    columns = words.overview(section.columns, section.sort)
    tied, against = any(row.tied_group for row in section.rows), section.baseline is not None
    headings = ["", "method", "track", *(["tied"] if tied else []), *(words.heading(section.columns[column]) for column in columns)]
    headings += [f"gain in {words.heading(head)[:-2]}", *([f"against {words.markdown(section.baseline or '')}"] if against else [])]
    left = 4 if tied else 3
    lines = [f"**{words.markdown(title)}**", "", _line(headings), _line([":--"] * left + ["--:"] * (len(headings) - left))]
    lines += [_line(_row(section, row, columns, tied)) for row in section.rows]
    return "\n".join([*lines, "", *_footnotes(section, columns, tied), ""])


def _row(section: Section, row: Row, columns: Sequence[str], tied: bool) -> list[str]:
    result, head = row.result, section.columns[section.sort]
    name = words.markdown(result.name) + (f" (n = {scored(row)})" if result.data.missing else "")
    cells = ["–" if row.rank is None else str(row.rank), name, result.track, *([_group(row)] if tied else [])]
    cells += [_number(section, column, result.figures.get(column)) for column in columns]
    figure, digits = result.figures.get(section.sort), words.label(head).digits
    gain = (None, None, None) if figure is None else (figure.gain, figure.gain_ci_low, figure.gain_ci_high)
    cells.append(f"{signed(gain[0], digits)} {words.interval(*gain, digits)}".strip())
    if section.baseline is not None:
        cells.append("–" if row.against is None else f"{signed(row.against.difference, digits)} ({p_value(row.against.p)})")
    return cells


def _number(section: Section, column: str, figure: Figure | None) -> str:
    if figure is None or figure.value is None:
        return "–"
    digits = words.label(figure).digits
    text = words.number(figure.value, digits)
    shown = f"**{text}**" if text == best(section, column) else text
    return f"{shown} {words.interval(figure.value, figure.ci_low, figure.ci_high, digits)}".strip()


def p_value(p: float) -> str:
    """`p = 0.012`, `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def signed(value: float | None, digits: int) -> str:
    """With its sign, also where that is a plus."""
    text = words.number(value, digits)
    return f"+{text}" if value is not None and value > 0 and float(text) else text


def _footnotes(section: Section, columns: Sequence[str], tied: bool) -> list[str]:
    data, by = section.data, words.heading(section.columns[section.sort])[:-2]
    place = f"{words.markdown(data.source)}, split {words.markdown(data.split)}"
    lines = [
        f"- Ranked by {by}; the best value of a column is bold. Intervals are 95 % bootstrap intervals, resampled by identity."
        " Gain is the improvement over the occluded input, positive is better.",
        f"- Data: {place}, n = {data.n}, fingerprint {data.fingerprint[:12]}.",
    ]
    if tied:
        lines.append(
            "- Tied: methods of one group are not told apart from the best of the group: paired sign-flip tests by identity, Holm"
            " correction, level 5 %."
        )
    if section.baseline is not None:
        lines.append(
            f"- Against {words.markdown(section.baseline)}: difference in {by}, positive is better; p after Holm correction."
        )
    lines += [f"- {words.markdown(note)}" for note in section.notes]
    if others := [column for column in section.columns if column not in columns]:
        lines.append(f"- Not shown here: {', '.join(others)}.")
    together = dict.fromkeys(figure.signature for figure in section.columns.values())
    lines.append(f"- Signatures ({signature_set(together)}): " + ", ".join(f"`{_code(text)}`" for text in together))
    return lines


def _code(text: str) -> str:
    """Inside backticks everything is literal but the backtick."""
    return text.replace("`", "'")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
