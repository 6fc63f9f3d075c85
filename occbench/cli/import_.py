"""`occbench import`."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from occbench.cli.common import progress, report
from occbench.errors import UsageError
from occbench.importing import detectors, open_layout

_WITH_REJECTS = 3
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("import", short_help="Bring somebody else's pairs or natural faces under a manifest.")
@click.argument("layout", metavar="LAYOUT")
@click.option("--root", type=_FOLDER, metavar="DIR", help="The folder of the data.")
@click.option("--occluded", type=_FOLDER, metavar="DIR", help="`paired` without --root: the folder of the occluded images.")
@click.option("--clean", type=_FOLDER, metavar="DIR", help="`paired`: of the clean ones; `lfw-black-squares`: your LFW.")
@click.option("--masks", type=_FOLDER, metavar="DIR", help="`paired`: of the masks.  [default: masks are found]")
@click.option("--invert-masks", is_flag=True, help="In the masks that are given, black means occluded.")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The folder of the data set.")
@click.option("--name", metavar="NAME", help="What manifests call the source.  [default: LAYOUT]")
@click.option(
    "--crop",
    type=click.Choice(["none", "aligned"]),
    help="`none` keeps pairs as they are.  [default: none; natural faces are always aligned]",
)
@click.option("--size", type=click.IntRange(16, 2048), metavar="PX", help="Side of aligned crops.  [default: 128]")
@click.option(
    "--landmarks", metavar="A,B", help="Detectors to try, in this order.  [default: yunet where its weights are, then dlib]"
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N photographs.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; the result is the same.  [default: all cores]")
@click.option("--resume", is_flag=True, help="Go on with an interrupted import of pairs.")
@click.option("--overwrite", is_flag=True, help="First delete what an earlier run left in --out, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def import_(
    context: click.Context,
    /,
    layout: str,
    root: Path | None,
    occluded: Path | None,
    clean: Path | None,
    masks: Path | None,
    invert_masks: bool,
    out: Path,
    name: str | None,
    crop: str | None,
    size: int | None,
    landmarks: str | None,
    limit: int | None,
    workers: int | None,
    resume: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Make a data set, or a set of natural faces, out of what somebody else has made. LAYOUT says how it lies on the disk:
    `occbench list layouts`.

    Pairs become an ordinary data set: verified, trained on and scored as those of `occbench synth`. Where no masks are given,
    they are found. Natural faces become a set for `occbench train-baseline --natural`.

    \b
    Examples:
      occbench import paired --root pairs --out out/pairs
      occbench import paired --occluded a/in --clean a/gt --masks a/mask --crop aligned --out out/a
      occbench import 3dmm-deocclusion --root ~/data/3dmm --size 128 --crop aligned --out out/3dmm
      occbench import lfw-black-squares --root squares --clean ~/data/lfw --out out/squares
      occbench import rof --root RealWorldOccludedFaces/images --out out/rof

    \b
    Exit codes: 0 done; 3 done, with rejects listed in rejects.csv; 2 wrong usage or unusable input;
    1 disk full or the like; 130 interrupted (pairs: go on with --resume).
    """
    from occbench.importing.dataset import import_pairs
    from occbench.importing.natural_set import import_natural
    from occbench.importing.pair import Settings

    if resume and overwrite:
        raise UsageError("--resume keeps what is there and --overwrite deletes it: choose one.")
    opened = open_layout(layout, name, root=root, occluded=occluded, clean=clean, masks=masks)
    names = detectors() if landmarks is None else tuple(part.strip() for part in landmarks.split(",") if part.strip())
    if not opened.paired:
        if crop == "none" or resume or invert_masks:
            wrong = "--crop none" if crop == "none" else "--resume" if resume else "--invert-masks"
            raise UsageError(f"{wrong} is for pairs, and {layout} holds photographs without counterparts.")
        columns = (TextColumn("finding faces"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            found = import_natural(
                opened,
                layout,
                out,
                size=size or 128,
                detectors=names,
                limit=limit,
                workers=workers,
                overwrite=overwrite,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        document = found.document()
        if as_json:
            click.echo(json.dumps(document, indent=2))
        else:
            kinds = ", ".join(f"{kind} {count}" for kind, count in document["images_by_kind"].items())
            click.echo(f"{document['images']} faces of {found.photographs} photographs in {out} ({kinds})")
            if found.rejects:
                reasons = ", ".join(f"{reason} {count}" for reason, count in document["rejects_by_reason"].items())
                click.echo(f"{document['rejects']} rejects in {out / 'rejects.csv'} ({reasons})")
            click.echo(f"contact sheet    {document['contact_sheet']}")
        if found.rejects:
            context.exit(_WITH_REJECTS)
        return
    if size is not None and crop != "aligned":
        raise UsageError("--size is the side of aligned crops: add --crop aligned.")
    with progress("importing", None) as step:
        settings = Settings(crop or "none", size or 128, names, invert_masks)
        summary = import_pairs(
            opened, layout, settings, out, limit=limit, workers=workers, resume=resume, overwrite=overwrite, progress=step
        )
    report(summary, as_json)
    if summary.rejects:
        context.exit(_WITH_REJECTS)
