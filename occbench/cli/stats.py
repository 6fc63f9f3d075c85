"""`occbench stats`."""

import json
from pathlib import Path

import click

from occbench.manifest import MANIFEST
from occbench.stats.picture import draw
from occbench.stats.tables import printable, tables, text
from occbench.stats.tally import Tally, fates

_REJECTS = "rejects.csv"


@click.command(short_help="What a data set consists of.")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="PICTURE", help="Also draw it, as a PNG.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of tables.")
def stats(directory: Path, out: Path | None, as_json: bool) -> None:
    """Count what DIR/manifest.parquet holds, and DIR/rejects.csv if it is there; no image is opened.

    \b
    Told are, as tables or as one JSON document:
      * pairs by occluder, variant and split; people and photographs of each split;
      * how much of the face is covered, by occluder: quantiles and bins;
      * head pose; people by their number of photographs;
      * landmark detectors, warnings, sizes, rejects by reason.

    \b
    Examples:
      occbench stats out/lfw
      occbench stats out/lfw --out distributions.png
      occbench stats out/lfw --json > stats.json

    \b
    Exit codes: 0 done; 2 no usable manifest, or no pair to draw; 1 the picture cannot be written.
    """
    tally = Tally(directory / MANIFEST)
    rejects = fates(directory / _REJECTS)
    if out is not None:
        if not tally.pairs:
            raise click.UsageError(f"{directory / MANIFEST} has no pair, so there is nothing to draw.")
        draw(tally, out, f"occbench · {directory.resolve().name}")
    if as_json:
        told = [{"occluder": occluder, "reason": reason, "count": count} for (occluder, reason), count in sorted(rejects.items())]
        click.echo(json.dumps({**tally.document(), "rejects": told}, indent=2))
        return
    click.echo(f"{printable(str(directory))}: {f'images of {tally.size} pixels (width × height)' if tally.pairs else 'no pairs'}")
    if not tally.disjoint:
        click.echo("Some people are in more than one split: occbench audit says who.")
    for table in tables(tally, rejects).values():
        if table.rows:
            click.echo(f"\n{text(table)}")
