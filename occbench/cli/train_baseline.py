"""`occbench train-baseline`."""

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from occbench.errors import UsageError


@click.command("train-baseline", short_help="Train a baseline on a data set.")
@click.argument("name")
@click.option(
    "--data", "directory", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A data set of occbench's."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help="Folder of the run.")
@click.option("--natural", type=click.Path(path_type=Path), metavar="DIR", help="Real occluded photographs, any tree of them.")
@click.option(
    "--landmarks", default="yunet", show_default=True, metavar="A[,B]", help="What finds the faces in --natural, in this order."
)
@click.option("--variant", metavar="NAME", help="Of the baseline.  [default: the first; see `occbench list baselines`]")
@click.option("--recipe", metavar="NAME|FILE", help="Of the baseline (`cpu`, ...), or a YAML file.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting: batch_size=16, optimizer.lr=1e-4, ..."
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Steps in all, also after --resume.")
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Epochs in all.  [default: the recipe's]")
@click.option("--stage", metavar="NAME", help="Of baselines that learn in stages: end with this one.  [default: all]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option(
    "--precision", type=click.Choice(["32", "bf16"]), default="32", show_default=True, help="bf16: automatic mixed precision."
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of weights, order, augmentation and noise.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Threads that read ahead.")
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="Keeps decoded images.  [default: the user's]")
@click.option("--resume", is_flag=True, help="Go on with the run in RUN, if there is one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def train_baseline(
    name: str,
    directory: Path,
    out: Path,
    natural: Path | None,
    landmarks: str,
    variant: str | None,
    recipe: str | None,
    changes: tuple[str, ...],
    steps: int | None,
    epochs: int | None,
    stage: str | None,
    device: str,
    precision: str,
    seed: int,
    workers: int,
    cache: Path | None,
    resume: bool,
    as_json: bool,
) -> None:
    """Train the baseline NAME on the training split of a data set, validate it on the validation split, and keep the best.

    RUN gets best.safetensors and last.safetensors, metrics.csv, grids/ with samples, and README.md, a model card. A run that was
    killed goes on with the same command and --resume; on a CPU it comes to the same weights, bit for bit. Under `torchrun` every
    process takes its share of each batch.

    \b
    Examples:
      occbench train-baseline context-encoder --data out/lfw --recipe cpu --out runs/ce
      occbench train-baseline oa-gan --variant dragan --data out/lfw --natural photos/masked --out runs/dragan
      occbench train-baseline two-stage --data out/lfw --stage mask --out runs/two-stage
      occbench train-baseline oa-gan --data out/lfw --set blocks=3 --set batch_size=16 --steps 20000 --out runs/oa3
      torchrun --nproc-per-node 4 -m occbench train-baseline oa-gan --data out/celeba --precision bf16 --out runs/oa

    \b
    Exit codes: 0 done; 1 losses that are not finite, or a full disk (the last good checkpoint is kept); 2 wrong usage
    or unusable input; 130 interrupted (go on with --resume).
    """
    from occbench.training import recipe as recipes  # here, because they bring torch along
    from occbench.training.loop import Observer
    from occbench.training.loop import Progress as Done
    from occbench.training.train import train

    if steps is not None and epochs is not None:
        raise UsageError("--steps and --epochs say the same twice: give one of them.")
    if stage is not None and steps is not None:
        raise UsageError("--stage and --steps both say when to end: give one of them.")
    extra = () if epochs is None else (f"epochs={epochs}",)
    resolved = recipes.resolve(name, variant=variant, recipe=recipe, changes=(*changes, *extra))
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[said]}")),
        *(TimeElapsedColumn(), TimeRemainingColumn()),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, speed_estimate_period=120) as bar:
        tasks: dict[str, Any] = {}

        def advance(what: str, done: int, total: int, said: str = "") -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, said="")
            bar.update(tasks[what], completed=done, total=total, said=said)

        def tell(done: Done) -> None:
            losses = "  ".join(f"{key} {value:.3g}" for key, value in done.losses.items())
            advance("training", done.step, done.total, f"epoch {done.epoch}  {losses}  {done.rate:.1f} pairs/s")

        document = train(
            resolved,
            directory,
            out,
            natural=natural,
            detectors=[part.strip() for part in landmarks.split(",") if part.strip()],
            steps=steps,
            stage=None if stage == "all" else stage,
            seed=seed,
            device=device,
            precision=precision,
            resume=resume,
            workers=workers,
            cache=cache,
            observer=Observer(lambda sentence: console.print(sentence, highlight=False, markup=False), advance, tell),
        )
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    best = document["best"]
    click.echo(f"{document['baseline']} ({document['variant']}), {document['step']} steps, {document['seconds']:.0f} s: {out}")
    if best:
        click.echo(f"best at step {best['step']}: " + ", ".join(f"{key} {best[key]:.3f}" for key in best if key != "step"))
