"""`occbench merge`."""

from pathlib import Path

import click

from occbench.cli.common import report
from occbench.errors import UsageError
from occbench.synthesis import dataset

_WITH_REJECTS = 3


@click.command(short_help="Finish a data set whose parts several machines made.")
@click.argument("parts", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR...", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), help="The folder of the whole, where the parts lie in several folders.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def merge(context: click.Context, parts: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Make one data set of the parts that `occbench synth --shard-index I --num-shards N` made. It equals, byte for byte, the one
    that a single machine makes.

    Parts that were made in one folder, which all machines see, are finished there. Parts in several folders are brought
    together in --out, as links where the file system can, and stay as they are.

    \b
    Examples:
      occbench merge /data/out
      occbench merge part-0 part-1 part-2 --out whole --json

    \b
    Exit codes: 0 done; 3 done, with rejects listed in rejects.csv; 2 parts are missing (which ones is
    said), or are of different runs; 1 disk full or the like.
    """
    if len(parts) > 1 and out is None:
        raise UsageError("Parts in several folders need a folder for the whole: name it with --out.")
    summary = dataset.merge(parts[0]) if out is None else dataset.gather(parts, out)
    report(summary, as_json)
    if summary.rejected:
        context.exit(_WITH_REJECTS)
