"""`occbench fetch-weights`."""

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from occbench import weights
from occbench.download import Download, available, fetch, mirror, plan
from occbench.errors import UsageError


@click.command("fetch-weights", short_help="Download model files, each checked against its hash.")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--all", "everything", is_flag=True, help="All that can be fetched, instead of names.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Where to.  [default: the user's cache]"
)
@click.option("--from", "base", metavar="ADDRESS|FOLDER", help="A mirror that holds the files under their own names.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched; ask no server, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def fetch_weights(
    names: tuple[str, ...], everything: bool, out: Path | None, base: str | None, dry_run: bool, as_json: bool
) -> None:
    """Download the files of models by NAME (`occbench doctor` lists the names) from where their makers publish them.

    Size, licence and address are said first. A file is kept only if its sha256 is the one that occbench knows. Files that are
    found already are left alone; with --out, those that are in DIR. What is known not to be there (unpublished, or not in the
    folder) stops it before anything is fetched; when a download fails, what came before is kept.

    \b
    Examples:
      occbench fetch-weights yunet mediapipe-face
      occbench fetch-weights --all --dry-run
      occbench fetch-weights yunet --from https://mirror.example/weights
      occbench fetch-weights --all --from /media/stick --out ~/weights

    \b
    Exit codes: 0 all files are there; 2 no such model, or one that cannot be had (not published, no
    network, another hash); 1 the disk is full or the like; 130 interrupted.
    """
    if bool(names) == everything:
        every, others = available(), [name for name in weights.WEIGHTS if name not in available()]
        raise UsageError(
            f"Which models? Name them, or give --all for those that can be fetched: {', '.join(every)}. "
            f"Not published in the form that occbench needs: {', '.join(others)}."
        )
    place = None if base is None else mirror(base)
    if not (chosen := names or available(place)):
        raise UsageError(f"{base} holds no file that occbench knows by its hash.")
    downloads = plan(chosen, out, place)
    if everything and (others := [name for name in weights.WEIGHTS if name not in chosen]):
        where = "there" if base else "from anybody in this form"
        click.echo(f"Not to be had {where}, so left out: {', '.join(others)}.", err=True)
    for download in () if dry_run else downloads:
        if download.source is not None:
            click.echo(_announced(download), err=True)
            with _progress(download) as step:
                fetch(download, step)
    if as_json:
        click.echo(json.dumps([_row(download, dry_run) for download in downloads], indent=2))
    else:
        for download in downloads:
            click.echo(_announced(download) if dry_run else f"{download.name:<16} {_status(download, dry_run):<13} {download.path}")
    if out is not None and not dry_run:
        click.echo(f"occbench looks there if you say: export {weights.ENVIRONMENT}={shlex.quote(str(out.absolute()))}", err=True)


def _status(download: Download, dry_run: bool) -> str:
    return "already there" if download.source is None else "to fetch" if dry_run else "fetched"


def _row(download: Download, dry_run: bool) -> dict[str, Any]:
    model = download.model
    return {
        "name": download.name,
        "status": _status(download, dry_run),
        "path": str(download.path),
        "from": None if download.source is None else str(download.source),
        "bytes": model.size,
        "sha256": model.sha256,
        "purpose": model.purpose,
        "licence": model.licence,
    }


def _announced(download: Download) -> str:
    model = download.model
    if download.source is None:
        return f"{download.name}: already there, {download.path}"
    return (
        f"{download.name}: {model.purpose}\n  size     {model.size:,} bytes{' when unpacked' if download.packed else ''}\n"
        f"  licence  {model.licence}\n  from     {download.source}\n  to       {download.path}"
    )


@contextmanager
def _progress(download: Download) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, in bytes."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(download.model.file, total=download.model.size)
        yield lambda size: bar.advance(task, size)
