"""One `occbench score`: look through the inputs, measure, reduce, write."""

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from occbench import weights
from occbench.atomic import writing
from occbench.errors import InputError, UsageError
from occbench.manifest import MANIFEST, RECORDS, batches
from occbench.restoration.blend import BLENDS
from occbench.restoration.blended import Blended
from occbench.restoration.trained import Trained
from occbench.scoring import result
from occbench.scoring.given import FromFolder, FromMethod
from occbench.scoring.plan import Embedder, plan
from occbench.scoring.predictions import Folder, look_through, unknown
from occbench.scoring.reduce import reduced, suspicions
from occbench.scoring.result import Document
from occbench.scoring.score import Progress, measured, steps
from occbench.scoring.split import Item, Split, open_split

_FIGURE_BY = ("psnr_mask", "psnr", "ssim_mask", "ssim")


def run(
    directory: Path,
    out: Path,
    *,
    predictions: Path | None = None,
    method: str | None = None,
    trained: Path | None = None,
    device: str = "auto",
    blend: str = "none",
    name: str | None = None,
    track: str = "blind",
    split: str = "test",
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    embedder: Embedder | None = None,
    workers: int | None = None,
    cache: Path | None = None,
    allow_missing: bool = False,
    begin: Callable[[int], None] = lambda total: None,
    progress: Progress = lambda pairs: None,
) -> Document:
    """Score a folder of predictions, a built-in method or a trained run, and write the result.

    Args:
        directory: of the data set.
        out: folder of the result. What an earlier run left there is replaced at the end; values it had finished are used.
        predictions, method, trained: what is scored; one of the three. `trained` is a run's folder, or a checkpoint.
        device: on which a run restores: `auto`, `cpu` or `cuda`.
        blend: put what a method or run restores back into the occluded photographs first: `alpha` or `poisson`.
        name: of the method on the leaderboard; default the built-in method's, or baseline and variant of the run.
        track: of predictions, `blind` or `given-mask`.
        split: `train`, `val`, `test` or `all`.
        metrics: names; default all default ones whose model files are here.
        seed: of resampling and of drawn pairs.
        embedder: measures identity a second time.
        workers: processes; default all cores.
        cache: keeps values of the data set's own images between methods; default the user's cache.
        allow_missing: score what is there.
        begin: called with the number of images to measure.
        progress: called with the number of images just measured.

    Returns:
        The document written to `result.json`.

    Raises:
        UsageError, InputError: nothing can be scored; values that were finished are kept.
        RunError: the disk or a process failed.
    """
    if blend not in BLENDS:
        raise UsageError(f"There is no blend {blend!r}: choose from {', '.join(BLENDS)}.")
    chosen, pairs = plan(metrics, seed, embedder), open_split(directory, split)
    folder, kept = out / RECORDS, (cache or weights.user_cache()) / "scores"
    missing: tuple[str, ...] = ()
    warnings: list[str] = []
    given: FromFolder | FromMethod
    if predictions is not None:
        found = look_through(predictions, pairs.items, allow_missing=allow_missing)
        given, missing = FromFolder(found), found.missing
        warnings += _extra(found, directory)
    elif trained is not None:
        method_of_run = Trained.open(trained, device)
        given = FromMethod(method_of_run)
        warnings += method_of_run.notices
    else:
        assert method is not None
        given = FromMethod.prepared(method, directory)
    if isinstance(given, FromMethod):
        if blend != "none":
            given = FromMethod(Blended(given.restorer, blend))
        name, track = name or given.restorer.name, given.restorer.track
    with writing(out):
        folder.mkdir(parents=True, exist_ok=True)
        kept.mkdir(parents=True, exist_ok=True)
    begin(steps(pairs, given))
    everything = measured(
        pairs, given, chosen, folder=folder, cache=kept, missing=frozenset(missing), workers=workers, progress=progress
    )
    rows, strata, notes = reduced(everything, given, seed)
    document: Document = {
        "schema": result.SCHEMA,
        "name": name,
        "track": track,
        "method": given.restorer.signature if isinstance(given, FromMethod) else None,
        "data": {
            "fingerprint": pairs.fingerprint,
            "source": pairs.sources,
            "split": split,
            "n": int(everything.scored.sum()),
            "identities": int(pairs.identities.max()) + 1,
            "missing": len(missing),
            "directory": directory.resolve().name,
        },
        "metrics": rows,
        "strata": strata,
        "skipped": [{"name": skipped, "reason": reason} for skipped, reason in chosen.skipped],
        "warnings": [*warnings, *suspicions(everything), *notes],
        "seed": seed,
        "shown": [{"pair_id": i.pair_id, "occluder": i.occluder, "variant": i.variant} for i in _shown(pairs, missing)],
        "environment": result.environment(),
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    result.write_table(result.per_image(pairs, everything.values, everything.occluded), out / result.PER_IMAGE)
    result.write_table(result.per_identity(pairs, everything.values, everything.occluded), out / result.PER_IDENTITY)
    result.write_images(pairs, given, _shown(pairs, missing), out / result.IMAGES)
    by = next((column for column in _FIGURE_BY if column in everything.values), None)
    if by is not None:
        unit = " dB" if by.startswith("psnr") else ""
        result.write_figure(pairs, given, everything.values[by], f"{name}: restorations by {by}", unit, out / result.FIGURE)
    result.write_document(document, out / result.RESULT)
    _forget(folder)
    return document


def _shown(pairs: Split, missing: Sequence[str]) -> list[Item]:
    return [item for item in result.shown(pairs) if item.pair_id not in missing]


def _extra(found: Folder, directory: Path) -> list[str]:
    """What is said of files that belong to no pair of the split.

    Raises:
        InputError: some name no pair of the whole data set.
    """
    if not found.extra:
        return []
    known = {name for batch in batches(directory / MANIFEST, ["pair_id"]) for name in batch.column("pair_id").to_pylist()}
    strangers = unknown(found, known)
    if strangers:
        raise InputError(
            f"{found.directory} holds {len(strangers)} predictions of pairs that {directory} does not have: "
            f"{', '.join(strangers[:3])}. They were made from another data set, or misnamed."
        )
    return [f"{len(found.extra)} further files in {found.directory.name} were not used, {found.extra[0]} say"]


def _forget(folder: Path) -> None:
    """The result holds all values now."""
    with writing(folder):
        shutil.rmtree(folder)
