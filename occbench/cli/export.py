"""`occbench export`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from occbench.errors import UsageError

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
# What each kind of export needs, and what it may have.
_RUN = (("run", "onnx"), ())
_FORMATS = {
    "webdataset": (("data", "format", "out"), ("split", "pairs_per_shard", "workers")),
    "overlays": (("data", "format", "out"), ("split", "keep_names", "workers")),
}


@click.command(short_help="A data set or a trained run for other programs.")
@click.option("--data", type=_FOLDER, metavar="DIR", help="A data set.")
@click.option(
    "--format",
    type=click.Choice(list(_FORMATS)),
    help="`webdataset`: tar files to stream. `overlays`: what covers the faces, without them, to lay over other copies.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder to make.")
@click.option("--split", type=click.Choice(["train", "val", "test"]), help="Only this split.  [default: all of them]")
@click.option("--pairs-per-shard", type=click.IntRange(min=1), metavar="N", help="For `webdataset`.  [default: 1000]")
@click.option("--keep-names", is_flag=True, default=None, help="For `overlays`: keep image ids and identities, which may be names.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; the result is the same.  [default: all cores]")
@click.option("--run", type=click.Path(path_type=Path), metavar="RUN", help="A trained run or a checkpoint.")
@click.option("--onnx", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="For --run: the file to write.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def export(as_json: bool, **options: Any) -> None:
    """Write a data set in another format (--data, --format, --out), or a trained run as ONNX (--run, --onnx).

    WebDataset: SPLIT-NNNNNN.tar with KEY.clean.png, KEY.occluded.png, KEY.mask.png and KEY.json for each pair, and index.json.
    Equal data sets give equal bytes.

    Overlays: the layers that were drawn over the photographs, by sha256 of the photographs. `occbench synth --overlays` lays them
    over another copy of the photographs, and gives the same pixels.

    ONNX: the networks of a run as one file, and what ONNX Runtime makes of it compared with torch. Inputs: occluded (B, 3, S, S)
    RGB in [0, 1] and, for baselines that are given it, mask (B, 1, S, S), 1 = to be filled. Outputs: restored (B, 3, S, S) and,
    where networks predict it, occlusion (B, 1, S, S). Needs `pip install 'occbench[onnx]'`.

    \b
    Examples:
      occbench export --data out/lfw --format webdataset --out shards/lfw
      occbench export --data out/lfw --format webdataset --out shards/test --split test --pairs-per-shard 500
      occbench export --data out/lfw --format overlays --out packs/lfw
      occbench export --run runs/ce --onnx ce.onnx
      occbench export --run runs/ce/last.safetensors --onnx last.onnx --json

    \b
    Exit codes: 0 done; 1 the ONNX file would compute something else, or the disk is full; 2 wrong usage, no
    usable data set or run, or packages missing.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if {"run", "onnx"} & given.keys():
        _check(given, "A run", *_RUN)
        _export_run(given["run"], given["onnx"], as_json)
    else:
        chosen: str = given.get("format", "")
        _check(given, f"The format {chosen}" if chosen else "An export of a data set", *_FORMATS[chosen or "webdataset"])
        _export_data(chosen, given, as_json)


def _check(given: dict[str, Any], what: str, needed: tuple[str, ...], possible: tuple[str, ...]) -> None:
    missing = [name for name in needed if name not in given]
    if missing:
        raise UsageError(
            f"{what} needs {_options(needed)}; missing: {_options(missing)}. (A data set: --data, --format and --out. A trained "
            "run: --run and --onnx.)"
        )
    if extra := sorted(given.keys() - {*needed, *possible}):
        raise UsageError(f"{what} has no {_options(extra)}: leave it out.")


def _options(names: Any) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def _export_data(chosen: str, options: dict[str, Any], as_json: bool) -> None:
    arguments = {name: value for name, value in options.items() if name not in ("format", "data", "out")}
    data, out = options["data"], options["out"]
    with _progress() as step:
        if chosen == "webdataset":
            from occbench.formats.webdataset import export_webdataset

            document = export_webdataset(data, out, progress=step, **arguments)
            text = f"{sum(shard['pairs'] for shard in document['shards'])} pairs in {len(document['shards'])} shards in {out}"
        else:
            from occbench.formats.pack import export_overlays

            document = export_overlays(data, out, progress=step, **arguments)
            text = f"{sum(document['pairs'].values())} layers in {out}, {document['bytes'] / 1e6:.1f} MB"
    click.echo(json.dumps(document, indent=2) if as_json else text)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A bar on stderr, in pairs."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("exporting pairs", total=None)
        yield lambda pairs: bar.advance(task, pairs)


def _export_run(run: Path, onnx: Path, as_json: bool) -> None:
    from occbench.restoration.export import export_onnx  # here, because it brings torch along

    document = export_onnx(run, onnx)
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"{document['file']}: {', '.join(document['inputs'])} to {', '.join(document['outputs'])}")
    click.echo(f"largest difference from torch {document['difference']:.2g}")
