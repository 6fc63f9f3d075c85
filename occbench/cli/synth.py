"""`occbench synth`."""

import inspect
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from occbench import weights
from occbench.cli.common import progress, report
from occbench.errors import MismatchError, UsageError
from occbench.formats.reapply import reapply
from occbench.synthesis import benchmarks, recipe
from occbench.synthesis.assembly import Summary
from occbench.synthesis.dataset import Share, make_part, rebuild, rebuild_part, synthesise
from occbench.synthesis.engines import RETRIES
from occbench.synthesis.plan import WHOLE, Part
from occbench.synthesis.selection import Rows, Selection

_WITH_REJECTS = 3
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command(short_help="Turn photographs of faces into a paired data set.")
@click.option("--source", metavar="NAME", help="Where the faces come from: `occbench list sources`.")
@click.option("--root", type=_FOLDER, help="The folder of the photographs (for LFW the image folder or its parent).")
@click.option("--out", type=click.Path(path_type=Path), help="The folder of the data set.")
@click.option("--occluders", metavar="A,B", help="What to put before the faces: `occbench list occluders`.  [default: mask]")
@click.option("--recipe", "recipe_file", metavar="NAME|FILE", help="A recipe in YAML, or the name of a bundled one.")
@click.option(
    "--per-image",
    type=click.IntRange(1, recipe.MAX_FOLDER),
    metavar="N",
    help="Pairs per occluder and photograph (with a weighted recipe: per photograph).",
)
@click.option("--size", type=int, metavar="PX", help="Side of the aligned crop.  [default: 128]")
@click.option("--crop", type=click.Choice(["aligned", "none"]), help="`none` keeps the photograph as it is.  [default: aligned]")
@click.option(
    "--landmarks",
    metavar="A,B",
    help="Detectors to try, in this order: `occbench list landmarks`.  [default: supplied where the source has any, else dlib]",
)
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
    "--exclude-identities",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Leave out these people, one a line: those whom another data set shows too, say.",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Rebuild the data set of this manifest, instead.",
)
@click.option("--benchmark", metavar="NAME", help="Rebuild this published benchmark, instead: `occbench list benchmarks`.")
@click.option("--overlays", type=_FOLDER, metavar="PACK", help="Lay this overlay pack over the photographs below --root, instead.")
@click.option(
    "--cache", type=click.Path(path_type=Path), metavar="DIR", help="Keeps landmarks between runs.  [default: the user's cache]"
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; the result is the same.  [default: all cores]")
@click.option("--engine", default="local", show_default=True, metavar="local|ray", help="This machine, or a Ray cluster.")
@click.option(
    "--retries", type=click.IntRange(min=0), default=RETRIES, show_default=True, metavar="N", help="For shards whose process died."
)
@click.option("--shard-index", type=click.IntRange(min=0), metavar="I", help="Make part I of --num-shards only; `merge` finishes.")
@click.option(
    "--num-shards", type=click.IntRange(min=1), metavar="N", help="How many parts.  [default: those of a Slurm job array, else 1]"
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--overwrite", is_flag=True, help="First delete what an earlier run left in --out, and nothing else.")
@click.option("--dry-run", is_flag=True, help="Print counts and bytes of the whole; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def synth(context: click.Context, /, **options: Any) -> None:
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
      occbench synth --overlays packs/lfw --root ~/data/lfw --out out/from-pack
      occbench synth --source vggface2 --root /data/vgg --shard-index 3 --num-shards 64 --out /data/out

    \b
    Exit codes: 0 done; 3 done, with rejects listed in rejects.csv (normal on real photographs);
    2 wrong usage or unusable input; 4 a rebuilt data set differs from its manifest; 1 disk full or the
    like; 130 interrupted (go on with --resume).
    """
    if options["resume"] and options["overwrite"]:
        raise UsageError("--resume keeps what is there and --overwrite deletes it: choose one.")
    if options["out"] is None and not options["dry_run"]:
        raise UsageError("Where to? Name a folder with --out (or look first, with --dry-run).")
    if options["overlays"] is not None:
        _lay(**_heeded(context, _lay, "A pack"))
    elif options["manifest"] is not None or options["benchmark"] is not None:
        _rebuild(**_heeded(context, _rebuild, "A manifest"))
    else:
        context.exit(_make(**options))


def _heeded(context: click.Context, function: Callable[..., None], what: str) -> dict[str, Any]:
    """The options that a function takes. Others must not be given, for nobody would heed them."""
    taken = inspect.signature(function).parameters.keys()
    others = [option for option in context.command.params if option.name is not None and option.name not in taken]
    if given := [o.opts[0] for o in others if context.get_parameter_source(str(o.name)) is ParameterSource.COMMANDLINE]:
        raise UsageError(f"{what} says everything about its data set: leave out {', '.join(given)}.")
    return {name: context.params[name] for name in taken}


def _make(
    *,
    source: str | None,
    root: Path | None,
    out: Path,
    recipe_file: str | None,
    identities: Path | None,
    exclude_identities: Path | None,
    cache: Path | None,
    workers: int | None,
    engine: str,
    retries: int,
    shard_index: int | None,
    num_shards: int | None,
    resume: bool,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Make pairs of photographs. `settings` are the recipe's. Returns the exit code."""
    document = recipe.load(recipe_file) if recipe_file is not None else {}
    document |= {name: value for name, value in {"source": source, **settings}.items() if value is not None}
    lists = {"identities": identities, "exclude_identities": exclude_identities}
    files = {name: file.resolve() for name, file in lists.items() if file is not None}
    selection = Selection(recipe.resolve(document, recipe_file or "options"), root, files)
    if dry_run:
        _show(selection.estimate(), as_json)
        return 0
    part = _part(shard_index, num_shards, overwrite)
    kept = (cache or weights.user_cache()).absolute()
    how: dict[str, Any] = {"cache": kept, "workers": workers, "engine": engine, "retries": retries}
    made: Summary | Share
    with progress("making pairs", (part or WHOLE).photographs(sum(selection.sizes.values()))) as step:
        if part is None:
            made = synthesise(selection, out, resume=resume, overwrite=overwrite, progress=step, **how)
        else:
            made = make_part(selection, out, part, progress=step, **how)
    report(made, as_json)
    return _WITH_REJECTS if made.rejected else 0


def _rebuild(
    *,
    manifest: Path | None,
    benchmark: str | None,
    root: Path | None,
    out: Path,
    split: str | None,
    limit: int | None,
    workers: int | None,
    engine: str,
    retries: int,
    shard_index: int | None,
    num_shards: int | None,
    resume: bool,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make the pairs of a manifest again."""
    if manifest is not None and benchmark is not None:
        raise UsageError("--benchmark names a manifest itself: leave --manifest out.")
    manifest = manifest if benchmark is None else benchmarks.find(benchmark)
    assert manifest is not None
    rows = Rows(manifest, split or "all", limit)
    if dry_run:
        _show(rows.estimate(), as_json)
        return
    part = _part(shard_index, num_shards, overwrite)
    how: dict[str, Any] = {"workers": workers, "engine": engine, "retries": retries}
    made: Summary | Share
    with progress("rebuilding", (part or WHOLE).photographs(sum(rows.sizes.values()))) as step:
        if part is None:
            made = rebuild(rows, root, out, resume=resume, overwrite=overwrite, progress=step, **how)
        else:
            made = rebuild_part(rows, root, out, part, progress=step, **how)
    report(made, as_json)
    if made.rejected:
        raise MismatchError(f"{made.rejected} pairs of {manifest} could not be rebuilt; rejects.csv says why.")


def _lay(
    *, overlays: Path, root: Path | None, out: Path, workers: int | None, resume: bool, overwrite: bool, as_json: bool
) -> None:
    """Lay a pack over photographs."""
    if root is None:
        raise UsageError("--overlays needs --root, the folder of the photographs.")
    with progress("laying overlays", None) as step:
        made = reapply(overlays, root, out, workers=workers, resume=resume, overwrite=overwrite, progress=step)
    report(made, as_json)
    if made.rejected:
        raise MismatchError(f"{made.rejected} pairs of {overlays} could not be made; rejects.csv says why.")


def _part(index: int | None, count: int | None, overwrite: bool) -> Part | None:
    """Which part of the run is meant; None for the whole. Where nothing is said, a job array of Slurm says it."""
    slurm = {name: os.environ.get(f"SLURM_ARRAY_TASK_{name}", "") for name in ("ID", "MIN", "MAX", "STEP", "COUNT")}
    if index is None and (count or 2) > 1 and slurm["ID"].isdecimal() and slurm["COUNT"].isdecimal():
        first, step, tasks = int(slurm["MIN"] or 0), int(slurm["STEP"] or 1), int(slurm["COUNT"])
        if slurm["MAX"] and (int(slurm["MAX"]) - first) // step + 1 != tasks:
            raise UsageError("The numbers of this job array have gaps, so they do not say which part is meant: add --shard-index.")
        index, count = (int(slurm["ID"]) - first) // step, count or tasks
        click.echo(f"Part {index} of {count} (from 0), as Slurm's job array says; --num-shards 1 makes everything.", err=True)
    if index is None and (count or 1) > 1:
        raise UsageError("--num-shards says how many parts there are; which of them is meant? Add --shard-index.")
    if index is not None and count is None:
        raise UsageError("--shard-index says which part is meant; of how many? Add --num-shards.")
    if index is None or count is None:
        return None
    if overwrite:
        raise UsageError("--overwrite would delete what others make of this run: delete the folder first, then start all parts.")
    return Part(index, count)


def _show(estimate: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(estimate, indent=2))
        return
    for key, value in estimate.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        if key == "bytes":
            digits = 0 if value is None or value > 1e7 else 2
            text = "unknown: photographs keep their sizes" if value is None else f"about {value / 1e6:,.{digits}f} MB"
        click.echo(f"{key.replace('_', ' '):22} {text}")
