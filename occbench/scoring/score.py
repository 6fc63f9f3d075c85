"""Score one method on one split: map the shards over processes, gather their values, reduce them once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.metrics import column
from occbench.metrics.identity import cosine
from occbench.metrics.landmark_error import landmark_error
from occbench.processes import available, mapped
from occbench.restoration.classical import Occluded
from occbench.scoring.given import FromMethod
from occbench.scoring.plan import Plan
from occbench.scoring.split import Item, Split
from occbench.scoring.values import PAIRS, Clean, Given, Measuring, measure, values

Array = npt.NDArray[Any]

# progress(pairs): how many more pairs have been measured
Progress = Callable[[int], None]

OCCLUDED = FromMethod(Occluded())


@dataclass(frozen=True, eq=False)
class Measured:
    """Everything that was measured of a method, in the order of the split's pairs, before anything is averaged.

    Attributes:
        split: what was scored.
        plan: the metrics.
        scored: (N,) bool: the pairs that have a restoration.
        values: column to (N,) float64, NaN where a value is missing or not defined.
        occluded: the same of the occluded input.
        features: name (`descriptor`, `inception`) to (N, D) of the restorations, with rows of zeros where there is none.
        occluded_features: the same of the occluded input.
        clean_features: name to (M, D) of the split's clean photographs.
        photographs: (M,) number of a pair of each clean photograph.
        clean_rows: (N,) which of them is a pair's own.
        pixels: (N,) sha256 of each restoration's pixels, empty where there is none.
        same: (N,) bool: the restoration is the clean image.
    """

    split: Split
    plan: Plan
    scored: npt.NDArray[np.bool_]
    values: dict[str, Array]
    occluded: dict[str, Array]
    features: dict[str, Array]
    occluded_features: dict[str, Array]
    clean_features: dict[str, Array]
    photographs: npt.NDArray[np.int64]
    clean_rows: npt.NDArray[np.int64]
    pixels: Array
    same: npt.NDArray[np.bool_]


def measured(
    split: Split,
    given: Given,
    plan: Plan,
    *,
    folder: Path,
    cache: Path,
    missing: frozenset[str] = frozenset(),
    workers: int | None = None,
    progress: Progress = lambda pairs: None,
) -> Measured:
    """Measure a method, the occluded input, and what both are compared with.

    Args:
        split: the pairs.
        given: where the restorations come from.
        plan: the metrics.
        folder: keeps the values of this method's finished shards, so that an interrupted run goes on.
        cache: keeps those of clean and occluded images, which are the same for every method.
        missing: ids of pairs without a restoration.
        workers: processes; default all cores.
        progress: called after each shard.

    Raises:
        InputError: an image that cannot be used; what was measured before is kept.
        RunError: the disk or a process failed.
    """
    photographs, rows = _photographs(split.items)
    clean = _shards(split, tuple(split.items[k] for k in photographs), Clean(), plan, cache)
    occluded = _shards(split, split.items, OCCLUDED, plan, cache)
    mine = occluded if is_input(given) else _shards(split, split.items, given, plan, folder, missing)
    tasks = [*clean, *occluded, *(() if mine is occluded else mine)]
    for shard, _ in zip(tasks, mapped(measure, tasks, workers or available()), strict=True):
        progress(len(shard.items))
    scored = np.array([item.pair_id not in missing for item in split.items])
    reference, before, after = _gathered(clean), _gathered(occluded), _spread(_gathered(mine), scored)
    everybody = np.ones(len(scored), dtype=np.bool_)
    return Measured(
        split=split,
        plan=plan,
        scored=scored,
        values=_columns(after, scored, reference, rows, plan),
        occluded=_columns(before, everybody, reference, rows, plan),
        features=_features(after),
        occluded_features=_features(before),
        clean_features=_features(reference),
        photographs=photographs,
        clean_rows=rows,
        pixels=after["pixels"],
        same=after["same"],
    )


def is_input(given: Given) -> bool:
    """The method is the occluded input itself, which is measured anyway."""
    return isinstance(given, FromMethod) and given.restorer.name == OCCLUDED.restorer.name


def steps(split: Split, given: Given) -> int:
    """How many pairs `measured` reports in all."""
    return len(_photographs(split.items)[0]) + len(split.items) * (1 if is_input(given) else 2)


def _photographs(items: Sequence[Item]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number of the first pair of each clean image, and which clean image each pair has."""
    first: dict[tuple[str, str], int] = {}
    for number, item in enumerate(items):
        first.setdefault(item.clean, number)
    row = {clean: k for k, clean in enumerate(first)}
    return np.array(list(first.values()), dtype=np.int64), np.array([row[item.clean] for item in items], dtype=np.int64)


def _shards(
    split: Split, items: Sequence[Item], given: Given, plan: Plan, folder: Path, missing: frozenset[str] = frozenset()
) -> list[Measuring]:
    chunks = (items[first : first + PAIRS] for first in range(0, len(items), PAIRS))
    kept = (tuple(item for item in chunk if item.pair_id not in missing) for chunk in chunks)
    return [Measuring(split.directory, chunk, given, plan.metrics, folder, plan.embedder) for chunk in kept if chunk]


def _gathered(shards: Sequence[Measuring]) -> dict[str, Array]:
    parts = []
    for shard in shards:
        part = values(shard.path)
        assert part is not None, shard.path
        parts.append(part)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _spread(found: dict[str, Array], scored: npt.NDArray[np.bool_]) -> dict[str, Array]:
    """One entry a pair of the split: NaN, zero or empty where there is no restoration."""
    out = {}
    for name, part in found.items():
        whole = np.zeros((len(scored), *part.shape[1:]), part.dtype)
        if name.startswith("value:"):
            whole[:] = np.nan
        whole[scored] = part
        out[name] = whole
    return out


def _features(found: dict[str, Array]) -> dict[str, Array]:
    return {name: found[name] for name in ("descriptor", "inception") if name in found}


def _columns(
    found: dict[str, Array], done: npt.NDArray[np.bool_], reference: dict[str, Array], rows: npt.NDArray[np.int64], plan: Plan
) -> dict[str, Array]:
    """Values of images by column; those that compare features or points with the clean photograph's are worked out here."""
    out = {name.removeprefix("value:"): part for name, part in found.items() if name.startswith("value:")}
    if "identity_cosine" in plan.names:
        for region, features in (("full", "descriptor"), ("mask", "descriptor_mask")):
            similar = cosine(found[features], reference["descriptor"][rows])
            out[column("identity_cosine", region)] = np.where(done, similar, np.nan)
    if plan.embedder is not None:
        for region, features in (("full", "embedding"), ("mask", "embedding_mask")):
            out[column("embedding_cosine", region)] = np.where(done, cosine(found[features], reference["embedding"][rows]), np.nan)
    if "landmark_error" in plan.names:
        out["landmark_error"] = np.where(done, landmark_error(found["points"], reference["points"][rows]), np.nan)
    wanted = [column(metric.name, region) for metric in plan.metrics if metric.kind == "image" for region in metric.regions]
    return {name: out[name] for name in wanted}
