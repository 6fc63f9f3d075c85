"""`occbench detect-mask`."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from occbench.errors import UsageError

_REJECTS = 3
_INTERRUPTED = 130


@click.command("detect-mask", short_help="Say which faces are hidden, and where.")
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="INPUT...")
@click.option(
    "--run", "trained", type=click.Path(path_type=Path, exists=True), metavar="RUN", help="A trained run that tells masks."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write masks and detections.csv there.")
@click.option("--sheet", is_flag=True, help="With --out: also sheet.png, the first 48 side by side.")
@click.option("--resume", is_flag=True, help="With --out: go on with an interrupted run.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    metavar="P",
    help="Probability that counts as hidden.",
)
@click.option(
    "--landmarks", metavar="A,B", help="Detectors to try, in this order.  [default: yunet where its weights are, else dlib]"
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def detect_mask(
    context: click.Context,
    inputs: tuple[Path, ...],
    trained: Path | None,
    out: Path | None,
    sheet: bool,
    resume: bool,
    threshold: float,
    landmarks: str | None,
    device: str,
    as_json: bool,
) -> None:
    """Say of each photograph whether its largest face is hidden by a mask: a probability, a box, and with --out the mask itself.
    INPUT is a photograph, or a folder: all photographs in it and below.

    The network is the first stage of an un-masking baseline: `two-stage`, `din-unmask` or `double-discriminator`. It was trained on
    drawn occluders, and it has no opinion of what it never saw. The middle of the probability's scale was set on `two-stage`; for
    other runs look for a --threshold of their own. (`oa-gan` tells masks too, but never saw a face without any.) Where no face is
    found, the whole photograph is taken for a loose crop of one, and `face` is false.

    \b
    Examples:
      occbench detect-mask photo.jpg --run runs/two-stage
      occbench detect-mask photos/ --run runs/two-stage --out found --sheet
      occbench detect-mask photos/ --run runs/two-stage --threshold 0.9 --json

    \b
    Exit codes: 0 done; 3 done, and some photographs could not be read; 2 wrong usage or unusable input;
    1 disk full or the like; 130 interrupted (with --out: go on with --resume).
    """
    if trained is None:
        raise UsageError(
            "No model is bundled with this version of occbench yet: name a trained run with --run "
            "(`occbench train-baseline two-stage --stage mask` makes one)."
        )
    if sheet and out is None:
        raise UsageError("--sheet is written into --out: name that folder, too.")
    if resume and out is None:
        raise UsageError("--resume goes on with what is in --out: name that folder, too.")
    from occbench.restoration import detection, photo  # here, because they bring much along
    from occbench.restoration.inputs import collect
    from occbench.restoration.trained import Trained

    loaded = Trained.open(trained, device=device)
    if loaded.track != "blind":
        raise UsageError(f"{loaded.name} is told where the mask is, and finds none: name a run of two-stage, for example.")
    items = collect(inputs, out)
    names = None if landmarks is None else [part.strip() for part in landmarks.split(",") if part.strip()]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60) as bar:
            task = bar.add_task("looking", total=len(items))
            summary = detection.run(
                items,
                loaded,
                photo.locator(names),
                loaded.size,
                threshold=threshold,
                out=out,
                sheet=sheet,
                resume=resume,
                progress=lambda photographs, rejects: bar.update(task, advance=photographs),
            )
    except KeyboardInterrupt:
        if out is not None:
            raise
        click.echo("Interrupted.", err=True)  # nothing was written: there is nothing to go on with
        context.exit(_INTERRUPTED)
    document = summary.document() | {"method": loaded.name, "threshold": threshold, "notices": list(loaded.notices)}
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        for row in document["detections"]:
            box = "" if row["left"] is None else f"  box {row['left']},{row['top']},{row['right']},{row['bottom']}"
            note = "" if row["face"] else "  (no face found; the whole photograph)"
            click.echo(f"{row['image_id']}: {'hidden' if row['hidden'] else 'free'} {row['probability']:.3f}{box}{note}")
        click.echo(f"{document['hidden']} of {len(summary.rows)} photographs show a hidden face.")
    if document["faces"] < len(summary.rows) and names is None and "yunet" not in photo.detectors():
        click.echo(f"note: {photo.BLIND_TO_MASKS}", err=True)
    for notice in loaded.notices:
        click.echo(f"note: {notice}", err=True)
    if summary.rejects:
        for reject in summary.rejects:
            click.echo(f"{reject.image_id}: {reject.detail}", err=True)
        context.exit(_REJECTS)
