"""`occbench verify`."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from occbench.errors import UsageError
from occbench.manifest import MANIFEST
from occbench.manifest.natural import is_natural
from occbench.manifest.verify import KINDS, Report, total
from occbench.manifest.verify import verify as verify_dataset
from occbench.synthesis import benchmarks

_MISMATCH = 4
_SHOWN = 20


@click.command(short_help="Check a data set against its manifest.")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--benchmark", metavar="NAME", help="Are these also exactly its pairs? `occbench list benchmarks`.")
@click.option("--metadata", is_flag=True, help="Check the manifest alone; open no image.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; default: all cores. The result is the same.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout; lists 1000 problems, counts all.")
@click.pass_context
def verify(
    context: click.Context, directory: Path, benchmark: str | None, metadata: bool, workers: int | None, as_json: bool
) -> None:
    """Read every image of the data set in DIR and compare it with DIR/manifest.parquet.

    Natural sets that `occbench import` made have one image a row (DIR/natural.parquet): of them, sizes, pixel hashes, splits, and
    that images/ holds nothing else.

    \b
    Checked:
      * sizes and pixel hashes of clean and occluded images and masks;
      * occluded and clean image equal, bit for bit, wherever the mask is 0, and not everywhere;
      * no identity in two splits;
      * no other file in clean/, occluded/ and mask/;
      * with --benchmark, that each split of it is the published one, whole.

    \b
    Examples:
      occbench verify out/lfw
      occbench verify out/lfw --workers 4 --json > report.json
      occbench verify out/bench --benchmark lfw-masks-v1

    \b
    Exit codes: 0 all as promised; 4 something differs; 2 no usable manifest.
    """
    if benchmark is not None:
        benchmarks.find(benchmark)  # a name that does not exist is said now, and not after all images
        if is_natural(directory):
            raise UsageError(f"--benchmark compares pairs, and {directory} is a natural set: there is no {MANIFEST} in it.")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("verifying", total=total(directory))
        report = verify_dataset(directory, workers, lambda rows: bar.update(task, completed=rows), images=not metadata)
    same = {} if benchmark is None else benchmarks.compare(directory / MANIFEST, benchmark)
    as_published = benchmark is None or (bool(same) and all(same.values()))
    if as_json:
        click.echo(json.dumps({**report.document(), **({} if benchmark is None else {"benchmark": same})}, indent=2))
    else:
        click.echo(_summary(report, directory))
        for split, equal in same.items():
            click.echo(f"The split {split} is {'that' if equal else 'NOT that'} of {benchmark}.")
        if not (same or as_published):
            click.echo(f"There are no pairs, so none of {benchmark}.")
    if not (report.ok and as_published):
        context.exit(_MISMATCH)


def _summary(report: Report, directory: Path) -> str:
    """What a person reads: counts, then the first problems, whose names are escaped, for they may hold anything."""
    what = "photographs" if is_natural(directory) else "pairs"
    checked = f"{report.rows} {what}, {f'{report.files} files' if report.files else 'the manifest alone,'} in {directory}"
    if report.ok:
        return f"All as promised: {checked}."
    lines = [f"Not as promised: {checked}."]
    lines += [f"  {report.counts[kind]:>8}  {KINDS[kind]}  ({kind})" for kind in KINDS if kind in report.counts]
    lines += [f"  {kind}: {_plain(path)}: {_plain(detail)}" for kind, path, detail in report.problems[:_SHOWN]]
    more = report.counts.total() - _SHOWN
    return "\n".join([*lines, f"  … and {more} more; --json lists more of them"] if more > 0 else lines)


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
