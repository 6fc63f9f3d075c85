"""`occbench leaderboard`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from occbench.errors import UsageError
from occbench.images import write_atomic

if TYPE_CHECKING:
    from occbench.leaderboard.merge import Section

_STDOUT = Path("-")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Put results side by side: CSV, Markdown, a page.")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RESULT...")
@click.option("--csv", "csv_file", type=_FILE, metavar="FILE", help="Write a table for programs: all numbers in full.")
@click.option("--markdown", "markdown_file", type=_FILE, metavar="FILE", help="Write a table for a README; - is stdout.")
@click.option("--html", "html_file", type=_FILE, metavar="FILE", help="Write a page that needs no network: table, plots, faces.")
@click.option("--sort", metavar="METRIC", help="What ranks: a column as psnr_mask or lpips. Default: psnr_mask, else psnr.")
@click.option("--baseline", metavar="NAME", help="Compare every method with this one, by paired tests.")
@click.option("--sections", is_flag=True, help="A table for each data set and way of measuring, instead of refusing to mix them.")
@click.option("--no-images", is_flag=True, help="No faces on the page, for pages that are published.")
@click.option("--json", "as_json", is_flag=True, help="The ranking as one JSON document on stdout.")
def leaderboard(
    results: tuple[Path, ...],
    csv_file: Path | None,
    markdown_file: Path | None,
    html_file: Path | None,
    sort: str | None,
    baseline: str | None,
    sections: bool,
    no_images: bool,
    as_json: bool,
) -> None:
    """Merge folders that `occbench score --out` has written, and rank the methods by one metric.

    Results rank together only if they are of the same data and were computed in the same way; if not, what differs is said.
    Methods of one tied group are not told apart from the best of the group by paired tests over identities.

    \b
    Examples:
      occbench leaderboard out/scores/* --markdown -
      occbench leaderboard out/scores/* --csv leaderboard.csv --html leaderboard.html --sort lpips
      occbench leaderboard out/scores/* --html page.html --baseline telea --no-images

    \b
    Exit codes: 0 done; 1 cannot write; 2 unusable results, or results that do not compare.
    """
    from occbench.leaderboard.merge import merge  # here, because they bring pandas and a template engine along
    from occbench.leaderboard.page import to_html
    from occbench.leaderboard.tables import to_csv, to_document, to_markdown

    given = [path for path in (csv_file, markdown_file, html_file) if path is not None]
    if not given:
        raise UsageError("Say what to write: --csv FILE, --markdown FILE (or -), --html FILE.")
    if len({path.absolute() for path in given}) < len(given):
        raise UsageError("--csv, --markdown and --html need files of their own.")
    if as_json and markdown_file == _STDOUT:
        raise UsageError("--json and --markdown - both want stdout: give --markdown a file.")
    merged = merge(results, sort=sort, baseline=baseline, sections=sections)
    texts: list[tuple[Path, str]] = []
    if csv_file is not None:
        texts.append((csv_file, to_csv(merged)))
    if markdown_file is not None:
        texts.append((markdown_file, to_markdown(merged)))
    if html_file is not None:
        texts.append((html_file, to_html(merged, images=not no_images)))
    # Nothing is written before everything is ready.
    for path, text in texts:
        if path == markdown_file == _STDOUT:
            click.echo(text, nl=False)
        else:
            write_atomic(path, text.encode())
    written = [str(path) for path, _ in texts if path != _STDOUT]
    if as_json:
        click.echo(json.dumps({"sections": to_document(merged), "written": written}, indent=2))
    elif markdown_file != _STDOUT:
        click.echo(_summary(merged, written))


def _summary(merged: "Sequence[Section]", written: Sequence[str]) -> str:
    lines = []
    for section in merged:
        lines.append(f"{section.data.source}, {section.data.split}: {len(section.rows)} methods, ranked by {section.sort}")
        for row in section.rows:
            figure = row.result.figures.get(section.sort)
            value = "-" if figure is None or figure.value is None else f"{figure.value:.4f}"
            lines.append(f"  {'-' if row.rank is None else row.rank:>3}  {value:>10}  {row.result.name}")
    return "\n".join([*lines, *(f"wrote {path}" for path in written)])
