"""`occbench score`."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from occbench.errors import UsageError

_LONGEST = 100  # characters of a name
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command(short_help="Measure a method on a data set.")
@click.option("--data", "directory", type=_FOLDER, required=True, metavar="DIR", help="A data set made by `occbench synth`.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="RESULT", help="The folder of the result.")
@click.option("--predictions", type=_FOLDER, metavar="DIR", help="Restorations: <pair_id>.png, or .npy with values in [0, 1].")
@click.option("--method", metavar="NAME", help="A built-in method, instead: `occbench list methods`.")
@click.option("--run", "trained", type=click.Path(path_type=Path), metavar="RUN", help="A trained run or a checkpoint, instead.")
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="On which --run restores."
)
@click.option(
    "--blend",
    type=click.Choice(["none", "alpha", "poisson"]),
    default="none",
    show_default=True,
    help="Score restorations put back into the photographs, as `occbench restore` does, instead of raw ones.",
)
@click.option("--name", metavar="NAME", help="What the leaderboard calls it.  [default: the method's name]")
@click.option(
    "--track",
    type=click.Choice(["blind", "given-mask"]),
    help="For --predictions: whether the method saw only the photograph, or its mask too.  [default: blind]",
)
@click.option("--split", type=click.Choice(["train", "val", "test", "all"]), default="test", show_default=True, help="Which pairs.")
@click.option("--metrics", metavar="A,B", help="What to measure: `occbench list metrics`.  [default: all whose weights are here]")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of resampling and of drawn pairs.")
@click.option(
    "--embedder",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="ONNX",
    help="A face embedder (112 px, as ArcFace's) to measure identity with, too.",
)
@click.option("--embedder-sha256", metavar="HEX", help="The sha256 that its file must have.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes; the result is the same.  [default: all cores]")
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="Keeps values of the inputs.  [default: the user's]")
@click.option("--allow-missing", is_flag=True, help="Score what is there; the result says how much is missing.")
@click.option("--json", "as_json", is_flag=True, help="Print result.json on stdout.")
def score(
    directory: Path,
    out: Path,
    predictions: Path | None,
    method: str | None,
    trained: Path | None,
    device: str,
    blend: str,
    name: str | None,
    track: str | None,
    split: str,
    metrics: str | None,
    seed: int,
    embedder: Path | None,
    embedder_sha256: str | None,
    workers: int | None,
    cache: Path | None,
    allow_missing: bool,
    as_json: bool,
) -> None:
    """Measure how well a method restores the faces of a data set: image quality in the whole frame, inside the occlusion, on the
    ring around it and outside, perceptual distance, identity and landmarks, with intervals and the gain over the occluded input.

    Predictions are matched to pairs by their names. Values that are finished are kept: after an interruption or an error the same
    command goes on.

    \b
    Examples:
      occbench score --data out/lfw --method telea --out results/telea
      occbench score --data out/lfw --run runs/ce --out results/ce
      occbench score --data out/lfw --predictions my/restorations --name mine --out results/mine
      occbench score --data out/lfw --method occluded --metrics psnr,ssim --split val --out results/val --json

    \b
    Exit codes: 0 done; 2 wrong usage or unusable input (a missing prediction, a wrong size, a lossy file, ...);
    1 disk full or the like; 130 interrupted (the same command goes on).
    """
    from occbench.scoring import job  # here, because it brings pandas along
    from occbench.scoring.plan import Embedder

    if sum(given is not None for given in (predictions, method, trained)) != 1:
        raise UsageError("What is to be scored? Name one of --predictions DIR, --method NAME and --run RUN.")
    if predictions is not None and name is None:
        raise UsageError("A folder of predictions needs a --name for the leaderboard.")
    if name is not None and not (0 < len(name) <= _LONGEST and name[0].isalnum() and name.isprintable()):
        raise UsageError(f"--name is shown in tables: up to {_LONGEST} printable characters, the first a letter or digit.")
    if predictions is None and (track is not None or allow_missing):
        raise UsageError("--track and --allow-missing are for --predictions: methods and runs declare their track, and miss none.")
    if predictions is not None and blend != "none":
        raise UsageError("--blend is for --method and --run: predictions are scored as they are.")
    if (embedder is None) != (embedder_sha256 is None):
        raise UsageError("--embedder and --embedder-sha256 belong together: the result names the network by its hash.")
    asked = None if metrics is None else [part.strip() for part in metrics.split(",") if part.strip()]
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("images")),
        *(TimeElapsedColumn(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=60) as bar:
        task = bar.add_task("measuring", total=None)
        document = job.run(
            directory,
            out,
            predictions=predictions,
            method=method,
            trained=trained,
            device=device,
            blend=blend,
            name=name,
            track=track or "blind",
            split=split,
            metrics=asked,
            seed=seed,
            embedder=Embedder(embedder, embedder_sha256) if embedder is not None and embedder_sha256 is not None else None,
            workers=workers,
            cache=cache,
            allow_missing=allow_missing,
            begin=lambda total: bar.update(task, total=total),
            progress=lambda pairs: bar.advance(task, pairs),
        )
    if as_json:
        click.echo(json.dumps(document, indent=1))
        return
    click.echo(_table(document))
    for row in document["skipped"]:
        click.echo(f"skipped {row['name']}: {row['reason']}", err=True)
    for warning in document["warnings"]:
        click.echo(f"note: {warning}", err=True)
    click.echo(f"written to {out}")


def _table(document: dict[str, Any]) -> str:
    """A line a metric and region: value, interval, gain."""
    data = document["data"]
    head = f"{document['name']} ({document['track']}) on {data['n']} pairs of {data['source']}/{data['split']}"
    lines = [head, f"{'metric':24}{'region':9}{'value':>10}  {'95 % interval':22}{'gain':>10}"]
    for row in document["metrics"]:
        if row["value"] is None:
            continue
        interval = "" if row["ci_low"] is None else f"[{row['ci_low']:.4g}, {row['ci_high']:.4g}]"
        gain = "" if row["gain"] is None else f"{row['gain']:+.4g}"
        lines.append(f"{row['name']:24}{row['region']:9}{row['value']:10.4g}  {interval:22}{gain:>10}")
    return "\n".join(lines)
