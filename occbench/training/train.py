"""One `occbench train-baseline`: open the data, build the networks, go on from a checkpoint or begin, train."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from occbench.atomic import writing
from occbench.errors import InputError, RunError, UsageError
from occbench.pairs.labels import labels
from occbench.pairs.natural import Natural, open_natural
from occbench.pairs.paired import Pairs, open_pairs
from occbench.seeding import generator
from occbench.training import Baseline, checkpoints
from occbench.training import recipe as recipes
from occbench.training.checkpoints import LAST, Checkpoint
from occbench.training.feed import Feed, Share
from occbench.training.loop import Loop, Observer
from occbench.training.recipe import Recipe
from occbench.training.share import joined, pick, together
from occbench.training.validation import Validation

Document = dict[str, Any]

_SILENT = Observer()


def build(recipe: Recipe, count: int, seed: int) -> Baseline:
    """The baseline of a recipe, on the CPU, with initial weights that depend on the seed alone.

    Args:
        recipe: resolved.
        count: how many labels a pair has.
        seed: of the weights.
    """
    kind: Any = recipes.baseline(recipe.baseline)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator(seed, "weights").integers(2**63)))
        built: Baseline = kind(recipe.settings, count)
    if built.channels_last:
        _channels_last(built.networks.values())
    return built


def place(networks: Collection[nn.Module], device: torch.device) -> None:
    """Move networks to a device, laid out as that likes them."""
    for network in networks:
        network.to(device)
    if device.type == "cuda":
        _channels_last(networks)


def _channels_last(networks: Iterable[Any]) -> None:
    for network in networks:
        network.to(memory_format=torch.channels_last)


def train(
    recipe: Recipe,
    directory: Path,
    out: Path,
    *,
    natural: Path | None = None,
    detectors: Sequence[str] = ("yunet",),
    steps: int | None = None,
    stage: str | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "32",
    resume: bool = False,
    workers: int = 1,
    cache: Path | None = None,
    observer: Observer = _SILENT,
) -> Document:
    """Train a baseline.

    Args:
        recipe: what to train.
        directory: of the data set; its splits `train` and, where there is one, `val` are used.
        out: folder of the run.
        natural: folder of real occluded photographs.
        detectors: that find their faces.
        steps: in all, also after resuming; default the recipe's epochs.
        stage: of a baseline with stages, end with this one; those before it must have been trained. Default all of them.
        seed: of weights, order, augmentation and noise.
        device: `auto`, `cpu` or `cuda`.
        precision: `32`, or `bf16` for automatic mixed precision.
        resume: go on from the last checkpoint in `out`, if there is one.
        workers: threads that read batches ahead; the run is the same.
        cache: folder for decoded images; default the user's.
        observer: who watches.

    Returns:
        What the run came to: `step`, `seconds`, `validation` of the last and `best` of the best checkpoint, `out`, `notices`, ...

    Raises:
        UsageError: settings or data that do not fit each other, or a run in `out` that is another one.
        InputError: unusable data, checkpoint or weights.
        RunError: losses are not finite or explode, the GPU's memory is too small, or the disk is full; the last good checkpoint is
            kept.
    """
    begun, where = time.monotonic(), pick(device)
    # Of its own GPU alone: by default, each process would open all of them.
    with joined(where) as share, torch.random.fork_rng([where] if where.type == "cuda" else []):
        before = _before(out, resume)
        together(share)  # or one process might find what another has begun to write
        if before is not None and where.type == "cpu":
            torch.set_num_threads(max(1, before.count("threads")))  # sums in another order would be other weights
        pairs = open_pairs(directory, "train", cache=cache, progress=lambda *n: observer.decoded("decoding training pairs", *n))
        validation = _validation(directory, recipe, cache, observer)
        real = None if natural is None else _natural(natural, pairs.size, detectors, cache, observer)
        targets = labels(pairs, recipe.settings.labels)
        facts = _facts(pairs, real, targets.count if targets else 0, seed, precision, share)
        if before is not None:
            _same(before, recipe, facts)
        baseline = build(recipe, facts["labels"], seed)
        for notice in baseline.notices:
            observer.say(f"NOTICE: {notice}")
        place([*baseline.networks.values(), *baseline.helpers.values()], where)
        feed = Feed(pairs, real, targets, baseline, recipe.settings, seed, where, share)
        passed = 0 if before is None else before.count("step") // feed.iterations
        total = steps or _last(baseline, recipe, stage, passed) * feed.iterations
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
        loop = Loop(recipe, baseline, feed, validation, out, {**facts, "notices": list(baseline.notices)}, precision, observer)
        done = 0 if before is None else loop.resume(before)
        if done:
            observer.say(f"going on after step {done}")
        try:
            loop.train(done, total, workers)
        except torch.cuda.OutOfMemoryError as error:
            smaller = "" if precision == "bf16" else "--precision bf16, "
            raise RunError(
                f"The GPU's memory is too small for batches of {recipe.settings.batch_size}. Begin again with {smaller}"
                "--set accumulate=N, which takes the same batch in N equal parts, or a smaller batch_size."
            ) from error
    return {
        "baseline": recipe.baseline,
        "variant": recipe.variant,
        "recipe": recipe.recipe,
        "out": str(out),
        "step": max(done, total),
        "seconds": round(time.monotonic() - begun, 1),
        "validation": loop.measured,
        "best": loop.best,
        "notices": list(baseline.notices),
    }


def _last(baseline: Baseline, recipe: Recipe, stage: str | None, done: int) -> int:
    """The epoch with which training ends, `done` of them behind."""
    if stage is None:
        return recipe.settings.epochs
    names = list(baseline.stages)
    if stage not in names:
        known = f"its stages are {', '.join(names)}" if names else "it has no stages"
        raise UsageError(f"{recipe.baseline} has no stage {stage!r}: {known}, or leave --stage away for all of it.")
    for before in names[: names.index(stage)]:
        if done < baseline.stages[before]:
            raise UsageError(
                f"The stage {stage} goes on from the stage {before}, which this run has not finished ({done} of "
                f"{baseline.stages[before]} epochs): train it with --stage {before}, then add --resume."
            )
    return baseline.stages[stage]


def _before(out: Path, resume: bool) -> Checkpoint | None:
    if resume:
        if not (out / LAST).exists():
            return None
        before = checkpoints.load(out / LAST)
        if not {"step", "threads"} <= before.facts.keys():
            raise InputError(f"{before.path} is for restoring only: a run goes on from the {LAST} that it wrote itself.")
        return before
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty: go on with --resume, or choose another folder.")
    return None


def _validation(directory: Path, recipe: Recipe, cache: Path | None, observer: Observer) -> Validation | None:
    if recipe.settings.validation.pairs == 0:
        return None
    try:
        pairs = open_pairs(directory, "val", cache=cache, progress=lambda *n: observer.decoded("decoding validation pairs", *n))
    except UsageError:
        observer.say(f"{directory} has no validation split: nothing is validated, and the last checkpoint is the only one.")
        return None
    return Validation(pairs, recipe.settings.validation.pairs)


def _natural(root: Path, size: int, detectors: Sequence[str], cache: Path | None, observer: Observer) -> Natural:
    def progress(done: int, total: int) -> None:
        observer.decoded("finding natural faces", done, total)

    real = open_natural(root, size, detectors=detectors, cache=cache, progress=progress)
    without = f", {real.rejected} photographs without one" if real.rejected else ""
    observer.say(f"{len(real.images)} natural faces in {root}{without}")
    return real


def _facts(pairs: Pairs, real: Natural | None, count: int, seed: int, precision: str, share: Share) -> dict[str, Any]:
    return {
        "data": pairs.fingerprint,
        "pairs": len(pairs),
        "data_size": pairs.size,
        "natural": real.fingerprint if real else None,
        "natural_images": len(real.images) if real else 0,
        "labels": count,
        "seed": seed,
        "precision": precision,
        "processes": share.world,
    }


def _same(before: Checkpoint, recipe: Recipe, facts: Mapping[str, Any]) -> None:
    """A run goes on only as what it was."""
    had = {**recipes.flat(before.recipe.document()), **{key: before.facts.get(key) for key in facts}}
    now = {**recipes.flat(recipe.document()), **facts}
    differing = [f"{key} was {had.get(key)!r} and is now {now.get(key)!r}" for key in now if had.get(key) != now.get(key)]
    if differing:
        raise UsageError(
            f"{before.path} is of another run: {'; '.join(differing[:5])}. Repeat its options, or choose another --out."
        )
