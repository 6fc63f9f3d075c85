"""The counts of a data set as one picture. Equal counts give equal bytes: drawn in memory, without a time stamp or anybody's style.

matplotlib is imported when the first picture is drawn.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.images import write_atomic
from occbench.stats.tables import Table, printable, tables
from occbench.stats.tally import POSES, Tally

PICTURE = "distributions.png"

# Okabe and Ito's colours, which people with any kind of colour vision tell apart, and which differ in lightness too.
_SPLIT_COLOURS = {"train": "#0072b2", "val": "#e69f00", "test": "#56b4e9"}
_FILL, _EDGE = "#9fc9de", "#0072b2"
_PAPER, _INK, _FAINT, _LINE = "#f6f6f4", "#222428", "#70747a", "#d4d4d0"
_SIZE, _DPI = (11.0, 8.0), 110  # inches, pixels an inch
_MOST = 12  # occluders shown; the rest go into one row
_LONGEST = 22  # characters of a name
_COVERAGE_STEP, _POSE_STEP, _POSE_END = 20, 3, 60  # thousandths; degrees


def draw(tally: Tally, path: Path, title: str) -> None:
    """Write the picture: pairs by occluder and split, coverage of each occluder, head pose, photographs of a person.

    Args:
        tally: with at least one pair.
        path: of the PNG.
        title: its heading.

    Raises:
        RunError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names may hold characters that the font lacks
        matplotlib.rcdefaults()  # whatever style the user has
        matplotlib.rcParams.update({"font.size": 9, "text.parse_math": False, "axes.linewidth": 0.6, "text.color": _INK})
        figure = Figure(figsize=_SIZE, dpi=_DPI, facecolor=_PAPER)
        FigureCanvasAgg(figure)
        axes = figure.subplots(2, 2, gridspec_kw={"width_ratios": (1.15, 1)})
        figure.subplots_adjust(left=0.15, right=0.975, top=0.86, bottom=0.06, wspace=0.26, hspace=0.27)
        everything = tables(tally)
        people, photographs, pairs = (sum(row[column] for row in everything["splits"].rows) for column in (1, 2, 3))
        figure.text(0.02, 0.95, printable(title), fontsize=14)
        figure.text(0.02, 0.917, f"{pairs:,} pairs · {photographs:,} photographs · {people:,} people", color=_FAINT)
        (occluders, coverage), (pose, albums) = axes
        names = _shown(tally)
        _bars(occluders, names, tally)
        _ridges(coverage, *_coverage(tally, names), "covered share of the face (line: median)", (0, 1))
        _ridges(pose, *_pose(tally), "head pose, degrees (line: median)", (-_POSE_END, _POSE_END))
        _columns(albums, everything["albums"])
        handles, labels = albums.get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper right", bbox_to_anchor=(0.985, 0.975), ncols=3, frameon=False)
        data = io.BytesIO()
        figure.savefig(data, format="png", metadata={"Software": None})  # nothing but pixels
    write_atomic(path, data.getvalue())


def _shown(tally: Tally) -> list[list[str]]:
    """The occluders of each row, from the top: one, or in the last row all that are left."""
    names = sorted(tally.occluders, key=lambda name: (-tally.coverage(name).sum(), name))
    if len(names) <= _MOST:
        return [[name] for name in tally.occluders]
    return [*([name] for name in sorted(names[: _MOST - 1])), names[_MOST - 1 :]]


def _bars(axes: Any, rows: list[list[str]], tally: Tally) -> None:
    """Pairs of each occluder, one split after the other."""
    counts = [[sum(p[s] for (name, _), p in tally.kinds.items() if name in row) for s in tally.splits] for row in rows]
    left = np.zeros(len(rows))
    for split, lengths in zip(tally.splits, np.array(counts).T, strict=True):
        axes.barh(range(len(rows)), lengths, left=left, height=0.62, color=_SPLIT_COLOURS[split], label=split)
        left += lengths
    for row, length in enumerate(left):
        axes.text(length, row, f" {length:,.0f}", va="center", color=_FAINT, fontsize=8)
    _frame(axes, "pairs of each occluder, by split", "x")
    axes.set_xlim(0, left.max() * 1.16)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")


def _coverage(tally: Tally, rows: list[list[str]]) -> tuple[list[str], npt.NDArray[Any], npt.NDArray[Any]]:
    edges = np.arange(0, 1001, _COVERAGE_STEP)
    fine = [sum(tally.coverage(name) for name in row) for row in rows]
    heights = np.array([np.add.reduceat(counts, edges[:-1]) for counts in fine])  # the last bin holds 1 too
    return [_label(row) for row in rows], edges / 1000, heights


def _pose(tally: Tally) -> tuple[list[str], npt.NDArray[Any], npt.NDArray[Any]]:
    """The outermost bins hold what lies beyond them."""
    edges = np.arange(-_POSE_END, _POSE_END + 1, _POSE_STEP)
    starts = edges[:-1] + 360
    starts[0] = 0
    return list(POSES), edges, np.array([np.add.reduceat(tally.pose(pose), starts) for pose in POSES])


def _ridges(
    axes: Any, labels: list[str], edges: npt.NDArray[Any], heights: npt.NDArray[Any], title: str, limits: tuple[float, float]
) -> None:
    """A histogram for each label, one above the other, each to its own scale, with a line at its median."""
    for row, counts in enumerate(heights):
        top = row + 0.4 - 0.86 * counts / max(1, counts.max())
        axes.stairs(top, edges, baseline=row + 0.4, fill=True, color=_FILL)
        axes.stairs(top, edges, baseline=row + 0.4, color=_EDGE, linewidth=0.9)
        sums = np.cumsum(counts)
        median = int(np.searchsorted(sums, sums[-1] / 2))
        inside = (sums[-1] / 2 - (sums[median] - counts[median])) / max(1, counts[median])
        where = edges[median] + inside * (edges[median + 1] - edges[median])
        axes.plot((where, where), (row + 0.4, row - 0.42), color=_INK, linewidth=1.0)
    _frame(axes, title, "x")
    axes.set_xlim(*limits)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_yticks(range(len(labels)), labels)


def _columns(axes: Any, table: Table) -> None:
    """People by their number of photographs, the splits side by side."""
    from matplotlib.ticker import LogLocator

    splits = table.columns[1:]
    width = 0.84 / max(1, len(splits))
    for number, split in enumerate(splits):
        places = np.arange(len(table.rows)) + (number - (len(splits) - 1) / 2) * width
        axes.bar(places, [row[number + 1] for row in table.rows], width * 0.92, color=_SPLIT_COLOURS[split], label=split)
    _frame(axes, "people by their number of photographs (logarithmic)", "y")
    axes.set_yscale("log")
    most = max([1, *(count for row in table.rows for count in row[1:])])
    axes.set_ylim(0.7, most * 1.6)
    axes.set_xticks(range(len(table.rows)), [row[0].replace(" or more", "+") for row in table.rows], fontsize=8)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most < 100 else (1,)))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:,.0f}")


def _frame(axes: Any, title: str, grid: str) -> None:
    axes.set_title(title, loc="left", fontsize=9.5, color=_INK)
    axes.set_facecolor(_PAPER)
    axes.grid(axis=grid, color=_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=_INK)
    axes.spines[:].set_visible(False)


def _label(row: list[str]) -> str:
    name = row[0] if len(row) == 1 else f"{len(row)} others"
    line = printable(name)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
