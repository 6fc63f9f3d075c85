"""`occbench demo`."""

from pathlib import Path

import click

from occbench.cli.common import progress, report
from occbench.occluders import OCCLUDERS, create
from occbench.synthesis import recipe
from occbench.synthesis.dataset import synthesise
from occbench.synthesis.selection import Selection


@click.command(short_help="Every occluder on two public-domain portraits.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("occbench-demo"),
    show_default=True,
    help="The folder of the data set; an earlier demo there is replaced.",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; the result is the same.  [default: all cores]")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def demo(out: Path, workers: int | None, as_json: bool) -> None:
    """Put every variant of every occluder on two portraits that installed packages carry (Eileen Collins and Grace Hopper,
    both in the public domain), and end with the path of a contact sheet to look at.

    \b
    Examples:
      occbench demo
      occbench demo --out somewhere/else

    \b
    Exit codes: 0 done; 1 disk full or the like; 2 a folder that cannot be used; 130 interrupted.
    """
    most = max(len(create(name).variants) for name in OCCLUDERS)
    document = {"source": "sample", "occluders": list(OCCLUDERS), "per_image": most, "cycle_variants": True, "size": 256}
    selection = Selection(recipe.resolve(document, "demo"), None)
    with progress("making pairs", sum(selection.sizes.values())) as step:
        summary = synthesise(selection, out, workers=workers, overwrite=True, progress=step)
    report(summary, as_json)
