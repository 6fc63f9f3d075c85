"""`occbench restore`."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from occbench.errors import UsageError

_SIZE = 128
_REJECTS = 3


@click.command(short_help="Restore the faces of whole photographs.")
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="INPUT...")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder for what comes out.")
@click.option(
    "--run",
    "trained",
    type=click.Path(path_type=Path, exists=True),
    metavar="RUN",
    help="A trained run, or one of its checkpoints.",
)
@click.option("--method", metavar="NAME", help="A training-free method, instead: `occbench list methods`.")
@click.option(
    "--masks",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="What to restore: <name>.png for each photograph, gray, 255 = occluded, as large as it. Methods that fill what a mask "
    "marks need it; for others it limits what is put back.",
)
@click.option(
    "--landmarks", metavar="A,B", help="Detectors to try, in this order.  [default: yunet where its weights are, else dlib]"
)
@click.option(
    "--blend",
    type=click.Choice(["none", "alpha", "poisson"]),
    default="poisson",
    show_default=True,
    help="How the crop is put back: not at all (the crop alone is written), fading in, or fitted in colour, too.",
)
@click.option("--save-mask", is_flag=True, help="Also masks/<name>.png: the mask that was given, or that the method tells.")
@click.option("--save-features", is_flag=True, help="Also features/<name>.npz: intermediate results of a run's networks.")
@click.option("--sheet", is_flag=True, help="Also sheet.png: the first 48 photographs, restorations and masks side by side.")
@click.option("--size", type=click.IntRange(32, 1024), metavar="PX", help=f"With --method: side of the crop.  [default: {_SIZE}]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="With --run: where.")
@click.option("--overwrite", is_flag=True, help="Write into a DIR that is not empty; only files of the same names are replaced.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run in DIR.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def restore(
    context: click.Context,
    inputs: tuple[Path, ...],
    out: Path,
    trained: Path | None,
    method: str | None,
    masks: Path | None,
    landmarks: str | None,
    blend: str,
    save_mask: bool,
    save_features: bool,
    sheet: bool,
    size: int | None,
    device: str,
    overwrite: bool,
    resume: bool,
    as_json: bool,
) -> None:
    """Restore the occluded face of each photograph. INPUT is a photograph, or a folder: all photographs in it and below.

    Of several faces in a photograph only the largest is restored. It is cut out, aligned and reduced to the size that the method
    works at, restored, enlarged and put back, so it can be no sharper than that size allows. With a mask (given, or told by the
    method) everything around the occlusion stays as it was, bit for bit; so does everything outside the crop in any case, and an
    occlusion that goes on there.

    Each photograph becomes DIR/<name>.png, <name> being its path below INPUT without the suffix (which stays where two would have
    the same name). Photographs without a usable face are listed in DIR/rejects.csv.

    \b
    Examples:
      occbench restore photo.jpg --run runs/oa-gan --out restored
      occbench restore photos/ --run runs/oa-gan/best.safetensors --save-mask --sheet --out restored
      occbench restore photos/ --method telea --masks masks/ --blend alpha --out restored

    \b
    Exit codes: 0 done; 3 done, and some photographs are in rejects.csv; 2 wrong usage or unusable input;
    1 disk full or the like; 130 interrupted (go on with --resume).
    """
    if trained is None and method is None:
        raise UsageError(
            "No model is bundled with this version of occbench yet: name a trained one with --run (`occbench train-baseline` makes "
            "them), or a training-free method with --method."
        )
    if trained is not None and method is not None:
        raise UsageError("Name either --run or --method, not both.")
    if trained is not None and size is not None:
        raise UsageError("--size is for --method: a run knows the size of its networks.")
    if method is not None and (device != "auto" or save_features):
        raise UsageError("--device and --save-features are for --run: training-free methods have no networks.")
    if resume and overwrite:
        raise UsageError("--resume keeps what is there and --overwrite replaces it: choose one.")
    from occbench.restoration import Restorer, create, job, photo  # here, because they bring much along
    from occbench.restoration.inputs import collect

    notices: tuple[str, ...] = ()
    restorer: Restorer
    if trained is not None:
        from occbench.restoration.trained import Trained  # which brings torch along

        loaded = Trained.open(trained, device=device, features=save_features)
        restorer, side, notices = loaded, loaded.size, loaded.notices
    else:
        assert method is not None
        restorer, side = create(method).prepare(_no_examples), size or _SIZE
    items = collect(inputs, out)
    options = job.Options(
        size=side,
        blend=blend,
        landmarks=None if landmarks is None else [part.strip() for part in landmarks.split(",") if part.strip()],
        masks=masks,
        save_mask=save_mask,
        save_features=save_features,
        sheet=sheet,
        overwrite=overwrite,
        resume=resume,
    )
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        *(TextColumn("photographs, {task.fields[rejects]} rejects"), TimeElapsedColumn(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60) as bar:
        task = bar.add_task("restoring", total=len(items), rejects=0)

        def progress(photographs: int, rejects: int) -> None:
            bar.update(task, advance=photographs, rejects=bar.tasks[0].fields["rejects"] + rejects)

        summary = job.run(items, out, restorer, options, progress)
    document = summary.document() | {"method": restorer.name, "blend": blend, "notices": list(notices)}
    if save_mask and not summary.masks and summary.done:
        click.echo(f"note: {restorer.name} tells no mask, so there is none to save.", err=True)
    if save_features and not summary.features and summary.done:
        click.echo(f"note: {restorer.name} has no intermediate results to save.", err=True)
    for notice in notices:
        click.echo(f"note: {notice}", err=True)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(f"{len(summary.done)} of {summary.photographs} photographs restored by {restorer.name} in {out}")
    if summary.rejects:
        reasons = ", ".join(f"{reason} {count}" for reason, count in document["rejects"].items())
        click.echo(f"{len(summary.rejects)} rejects in {out / 'rejects.csv'} ({reasons})", err=True)
        if landmarks is None and "yunet" not in photo.detectors():
            click.echo(f"note: {photo.BLIND_TO_MASKS}", err=True)
        context.exit(_REJECTS)


def _no_examples() -> list[Any]:
    raise UsageError("This method learns from a data set first, and there is none here: choose another (`occbench list methods`).")
