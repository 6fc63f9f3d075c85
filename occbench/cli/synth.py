"""`occbench synth`."""

import json
from pathlib import Path
from typing import Any

import click

from occbench import weights
from occbench.cli.common import progress, report
from occbench.errors import MismatchError, UsageError
from occbench.manifest import facts
from occbench.synthesis import benchmarks, recipe
from occbench.synthesis.dataset import Selection, rebuild, synthesise

_WITH_REJECTS = 3
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_RECIPE_OPTIONS = ("occluders", "per_image", "size", "crop", "landmarks", "split", "seed", "limit")


@click.command(short_help="Turn photographs of faces into a paired data set.")
@click.option("--source", metavar="NAME", help="Where the faces come from: `occbench list sources`.")
@click.option("--root", type=_FOLDER, help="The folder of the photographs (for LFW the image folder or its parent).")
@click.option("--out", type=click.Path(path_type=Path), help="The folder of the data set.")
@click.option("--occluders", metavar="A,B", help="What to put before the faces: `occbench list occluders`.  [default: mask]")
@click.option("--recipe", "recipe_file", metavar="NAME|FILE", help="A recipe in YAML, or the name of a bundled one.")
@click.option(
    "--per-image", type=int, metavar="N", help="Pairs per occluder and photograph (with a weighted recipe: per photograph)."
)
@click.option("--size", type=int, metavar="PX", help="Side of the aligned crop.  [default: 128]")
@click.option("--crop", type=click.Choice(["aligned", "none"]), help="`none` keeps the photograph as it is.  [default: aligned]")
@click.option("--landmarks", metavar="A,B", help="Detectors to try, in this order: `occbench list landmarks`.  [default: dlib]")
@click.option("--split", type=click.Choice(["all", "train", "val", "test"]), help="Only this split.  [default: all]")
@click.option("--seed", type=int, metavar="N", help="Of every random draw.  [default: 0]")
@click.option("--limit", type=int, metavar="N", help="At most N photographs.")
@click.option(
    "--identities",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="CSV",
    help="For --source folder: who is who (columns image, identity, and perhaps split).",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Rebuild the data set of this manifest, instead.",
)
@click.option("--benchmark", metavar="NAME", help="Rebuild this published benchmark, instead: `occbench list benchmarks`.")
@click.option(
    "--cache", type=click.Path(path_type=Path), metavar="DIR", help="Keeps landmarks between runs.  [default: the user's cache]"
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; the result is the same.  [default: all cores]")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--overwrite", is_flag=True, help="First delete what an earlier run left in --out, and nothing else.")
@click.option("--dry-run", is_flag=True, help="Print counts and bytes; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def synth(
    context: click.Context,
    /,
    source: str | None,
    root: Path | None,
    out: Path | None,
    recipe_file: str | None,
    identities: Path | None,
    manifest: Path | None,
    benchmark: str | None,
    cache: Path | None,
    workers: int | None,
    resume: bool,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Make pairs (occluded, clean, occlusion mask) with a manifest, or rebuild them from one.

    The same photographs, recipe and seed give the same pixels, whatever the number of workers, and after
    any interruption. Options win over the recipe.

    \b
    Examples:
      occbench synth --source lfw --root ~/data/lfw --occluders mask,sunglasses,cup,black-box --out out/lfw
      occbench synth --source folder --root ~/photos --per-image 3 --size 256 --out out/mine
      occbench synth --source lfw --root ~/data/lfw --recipe mixed --landmarks dlib,dlib-box,canonical --out out/mixed
      occbench synth --source lfw --root ~/data/lfw --dry-run --json
      occbench synth --manifest out/lfw/manifest.parquet --root ~/data/lfw --out out/again

    \b
    Exit codes: 0 done; 3 done, with rejects listed in rejects.csv (normal on real photographs);
    2 wrong usage or unusable input; 4 a rebuilt data set differs from its manifest; 1 disk full or the
    like; 130 interrupted (go on with --resume).
    """
    given = {key: value for key, value in options.items() if value is not None}
    if resume and overwrite:
        raise UsageError("--resume keeps what is there and --overwrite deletes it: choose one.")
    if out is None and not dry_run:
        raise UsageError("Where to? Name a folder with --out (or look first, with --dry-run).")
    if benchmark is not None:
        if manifest is not None:
            raise UsageError("--benchmark names a manifest itself: leave --manifest out.")
        manifest = benchmarks.find(benchmark)
    if manifest is not None:
        extra = sorted(given) + [name for name, value in (("source", source), ("recipe", recipe_file)) if value is not None]
        if extra:
            raise UsageError(f"A manifest says everything about its data set: leave out --{', --'.join(extra).replace('_', '-')}.")
        if dry_run:
            _show({"pairs": facts(manifest).rows}, as_json)
            return
        assert out is not None
        with progress("rebuilding", None) as step:
            summary = rebuild(manifest, root, out, workers=workers, resume=resume, overwrite=overwrite, progress=step)
        report(summary, as_json)
        if summary.rejects:
            raise MismatchError(f"{sum(summary.rejects.values())} pairs of {manifest} could not be rebuilt; rejects.csv says why.")
        return

    document = recipe.load(recipe_file) if recipe_file is not None else {}
    document |= given | ({"source": source} if source is not None else {})
    selection = Selection(
        recipe.resolve(document, recipe_file or "options"), root, {"identities_csv": identities.resolve()} if identities else {}
    )
    if dry_run:
        _show(selection.estimate(), as_json)
        return
    assert out is not None
    with progress("making pairs", sum(selection.sizes.values())) as step:
        summary = synthesise(
            selection,
            out,
            cache=(cache or weights.user_cache()).absolute(),
            workers=workers,
            resume=resume,
            overwrite=overwrite,
            progress=step,
        )
    report(summary, as_json)
    if summary.rejects:
        context.exit(_WITH_REJECTS)


def _show(estimate: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(estimate, indent=2))
        return
    for key, value in estimate.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        if key == "bytes":
            text = "unknown: photographs keep their sizes" if value is None else f"about {value / 1e6:,.0f} MB"
        click.echo(f"{key.replace('_', ' '):22} {text}")
