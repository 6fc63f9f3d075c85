"""A whole data set: plan the shards, map them over processes, assemble what they leave. Made from photographs or a manifest.

Machines that see one folder can share a run: each makes a part of the shards (`make_part`, `rebuild_part`), then one of them
assembles (`merge`). Where they do not, each makes its part in a folder of its own, and `gather` brings them together.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from occbench.digest import file_sha256
from occbench.errors import OccbenchError, UsageError
from occbench.faces import open_source
from occbench.landmarks.locate import Locator
from occbench.manifest import Pair, facts
from occbench.synthesis import engines, shard
from occbench.synthesis import recipe as recipes
from occbench.synthesis.assembly import Summary, assemble
from occbench.synthesis.engines import RETRIES, Engine
from occbench.synthesis.plan import WHOLE, Part, Plan
from occbench.synthesis.recipe import CODE_SCHEMA
from occbench.synthesis.selection import Rows, Selection
from occbench.synthesis.workspace import Workspace

T = TypeVar("T")
# progress(photographs, pairs, rejects): what one more shard added
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Share:
    """What a part of a run gave.

    Attributes:
        out: folder of the data set.
        shards: made now or before.
        of: shards of the whole run.
        counts: photographs, pairs and rejects of those made now.
    """

    out: Path
    shards: range
    of: int
    counts: Counter[str]

    @property
    def rejected(self) -> int:
        """Rejects of those made now."""
        return self.counts["rejects"]

    def document(self) -> dict[str, Any]:
        """JSON-able, for `--json`."""
        return {"out": str(self.out), "shards": [self.shards.start, self.shards.stop], "of": self.of, **self.counts}


def synthesise(
    selection: Selection,
    out: Path,
    *,
    cache: Path | None = None,
    workers: int | None = None,
    engine: str = "local",
    retries: int = RETRIES,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
) -> Summary:
    """Make a data set. The same recipe and photographs give the same data set, whatever the number of workers or interruptions.

    Args:
        selection: of photographs, with the recipe.
        out: folder of the data set; see `Workspace`.
        cache: folder that keeps landmarks between runs, or None.
        workers: processes; default all cores.
        engine: where shards are made, a key of `engines.ENGINES`.
        retries: how often a shard whose process died is tried again.
        resume: go on with an interrupted run.
        overwrite: delete what an earlier run left in `out`.
        progress: called after each shard.

    Raises:
        UsageError, InputError: nothing was done.
        RunError: the disk or a process failed; the run can be resumed.
    """
    plan, over = _plan_of(selection), engines.create(engine, workers=workers, retries=retries)
    space = Workspace(out.absolute(), plan.record, resume=resume, overwrite=overwrite)
    _make(selection, plan, space, WHOLE, cache, over, progress)
    return _finish(space, plan)


def make_part(
    selection: Selection,
    out: Path,
    part: Part,
    *,
    cache: Path | None = None,
    workers: int | None = None,
    engine: str = "local",
    retries: int = RETRIES,
    progress: Progress = lambda *_: None,
) -> Share:
    """Make one part of a data set, beside others who make the other parts, in one folder or in several. `merge` finishes it.

    Whoever calls it again goes on with what is there.

    Args:
        part: which.
        selection, out, cache, workers, engine, retries, progress: as in `synthesise`.

    Raises:
        UsageError, InputError, RunError: as `synthesise`.
    """
    plan, over = _plan_of(selection), engines.create(engine, workers=workers, retries=retries)
    space = Workspace.joined(out.absolute(), plan.record)
    return _make(selection, plan, space, part, cache, over, progress)


def rebuild(
    rows: Rows,
    root: Path | None,
    out: Path,
    *,
    workers: int | None = None,
    engine: str = "local",
    retries: int = RETRIES,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
) -> Summary:
    """Rebuild a data set from its manifest and the user's own photographs, and compare every pixel hash.

    Landmarks, crop and parameters come from the manifest: no detector runs. What cannot be rebuilt, or comes out different, is left
    out and listed as a reject.

    Args:
        rows: of the manifest.
        root: folder of the photographs, or None for sources that bring their own.
        out, workers, engine, retries, resume, overwrite, progress: as in `synthesise`.

    Raises:
        UsageError, InputError: nothing was done.
        RunError: the disk or a process failed; the run can be resumed.
    """
    root = root.resolve() if root is not None else None
    plan, over = _plan_of_rows(rows, root, out), engines.create(engine, workers=workers, retries=retries)
    space = Workspace(out.absolute(), plan.record, resume=resume, overwrite=overwrite)
    _rebuild(rows, root, plan, space, WHOLE, over, progress)
    return _finish(space, plan)


def rebuild_part(
    rows: Rows,
    root: Path | None,
    out: Path,
    part: Part,
    *,
    workers: int | None = None,
    engine: str = "local",
    retries: int = RETRIES,
    progress: Progress = lambda *_: None,
) -> Share:
    """Rebuild one part of a data set; to `rebuild` what `make_part` is to `synthesise`."""
    root = root.resolve() if root is not None else None
    plan, over = _plan_of_rows(rows, root, out), engines.create(engine, workers=workers, retries=retries)
    space = Workspace.joined(out.absolute(), plan.record)
    return _rebuild(rows, root, plan, space, part, over, progress)


def merge(out: Path) -> Summary:
    """Finish a run whose parts are all made, in one folder. The result equals that of a single machine, byte for byte.

    Raises:
        UsageError: no run there, or parts are missing; says which.
        InputError, RunError: as `synthesise`.
    """
    record = _record(out)
    plan = Plan.of(record)
    space = Workspace(out.absolute(), record, resume=True, overwrite=False)
    if not space.finished and (missing := [number for number in range(plan.shards) if not space.done(number)]):
        raise UsageError(
            f"{len(missing)} of {plan.shards} shards of {out} are missing: {_spans(missing)}. Run their parts again "
            "(the same command goes on), or the command with --resume and without --shard-index, which makes what is missing."
        )
    return _finish(space, plan)


def gather(parts: Iterable[Path], out: Path) -> Summary:
    """Bring parts of one run that were made in several folders together in a new one, and finish it. Files are linked where the
    file system can, and copied elsewhere; the parts stay as they are.

    Raises:
        UsageError: they are no parts of one run, or shards are missing.
        InputError: a part is damaged.
        RunError: the disk is full.
    """
    parts = list(parts)
    record = _record(parts[0])
    for part in parts[1:]:
        if _record(part) != record:
            raise UsageError(f"{part} and {parts[0]} are parts of different runs; their .occbench/run.json say of what.")
    space = Workspace.joined(out.absolute(), record)
    if not space.finished:
        for part in parts:
            space.adopt(part.absolute())
    return merge(out)


def _record(out: Path) -> dict[str, Any]:
    """What identifies the run in a folder that parts of a run were made in."""
    record = Workspace.record(out)
    if record is None or not record.keys() & {"recipe", "rebuilt"}:  # an import has neither
        raise UsageError(f"{out} holds no run of occbench synth: name the folder that the parts were made in.")
    return record


def _plan_of_rows(rows: Rows, root: Path | None, out: Path) -> Plan:
    """What rebuilding them means.

    Raises:
        InputError, UsageError: as `Rows.sizes` and `open_source`, or the manifest lies in `out`.
    """
    manifest, said, count = rows.manifest, facts(rows.manifest), sum(rows.sizes.values())
    if manifest.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"{manifest} lies in {out}, which is to be rebuilt from it: choose another folder for --out.")
    open_source(rows.source, root)
    digest = file_sha256(manifest)
    rebuilt = {
        "manifest": digest,
        "source": rows.source,
        "seed": int(said.seed) if re.fullmatch("[0-9]{1,19}", said.seed) else None,
        "recipe_fingerprint": said.recipe_fingerprint,
        "recipe": _recipe_beside(manifest, said.recipe_fingerprint),
        "split": rows.split,
    }
    return Plan.of({"rebuilt": rebuilt, "code_schema": CODE_SCHEMA, "photographs": {"count": count}})


def _plan_of(selection: Selection) -> Plan:
    plan = Plan.making(selection.recipe, sum(selection.sizes.values()), selection.digest, selection.said)
    Locator(selection.source, selection.recipe.landmarks, None)  # says what cannot be used before anything is touched
    return plan


def _make(
    selection: Selection,
    plan: Plan,
    space: Workspace,
    part: Part,
    cache: Path | None,
    over: Engine[tuple[int, int, int]],
    progress: Progress,
) -> Share:
    def task(number: int, faces: tuple[Any, ...]) -> shard.Making:
        place = place_of(space, number, plan, selection.root, selection.options)
        return shard.Making(place, selection.recipe, number * plan.each, faces, cache)

    return run_shards(shard.make, task, selection.faces(), plan, space, part, over, progress)


def _rebuild(
    rows: Rows, root: Path | None, plan: Plan, space: Workspace, part: Part, over: Engine[tuple[int, int, int]], progress: Progress
) -> Share:
    def task(number: int, photographs: tuple[tuple[Pair, ...], ...]) -> shard.Rebuilding:
        return shard.Rebuilding(place_of(space, number, plan, root, ()), photographs)

    return run_shards(shard.rebuild, task, rows.photographs(), plan, space, part, over, progress)


def place_of(space: Workspace, number: int, plan: Plan, root: Path | None, options: tuple[tuple[str, Any], ...]) -> shard.Place:
    """Where a shard reads and writes."""
    files = (space.shard(number), space.rejects(number), space.journal(number))
    return shard.Place(space.out, *files, root, options, plan.seed, plan.recipe_fingerprint)


def run_shards(
    function: Callable[[Any], tuple[int, int, int]],
    task: Callable[[int, tuple[T, ...]], Any],
    photographs: Iterable[T],
    plan: Plan,
    space: Workspace,
    part: Part,
    over: Engine[tuple[int, int, int]],
    progress: Progress,
) -> Share:
    """Make the shards of a part that are not finished yet.

    Args:
        function: makes a shard, and returns how many photographs, pairs and rejects it had.
        task: what it is given, from the shard's number and photographs.
        photographs: of the whole run, in order; those of a shard follow each other.
        plan, space, part: which shards there are, where they go, which are meant.
        over: maps the function over processes.
        progress: called after each shard.
    """
    mine = part.of(plan.shards)
    counts = Counter(photographs=0, pairs=0, rejects=0)

    def missing() -> Iterator[Any]:
        for number, chunk in islice(enumerate(_chunks(photographs, plan.each)), mine.start, mine.stop):
            if space.done(number):
                progress(len(chunk), 0, 0)
            else:
                yield task(number, chunk)

    if not space.finished:
        for done in over(function, missing()):
            counts.update(dict(zip(counts, done, strict=True)))
            progress(*done)
    return Share(space.out, mine, plan.shards, counts)


def _finish(space: Workspace, plan: Plan) -> Summary:
    if not space.finished:
        assemble(space, plan)
        space.finish()
    return Summary.of(space.out, plan)


def _chunks(items: Iterable[T], each: int) -> Iterator[tuple[T, ...]]:
    items = iter(items)
    while chunk := tuple(islice(items, each)):
        yield chunk


def _spans(numbers: list[int]) -> str:
    """Numbers as ranges: `3, 7–9`; at most ten of them."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][-1] == number - 1:
            spans[-1][-1] = number
        else:
            spans.append([number, number])
    texts = [f"{first}" if first == last else f"{first}–{last}" for first, last in spans[:10]]
    return ", ".join([*texts, "..."] if len(spans) > 10 else texts)


def _recipe_beside(manifest: Path, wanted: str) -> dict[str, Any] | None:
    """The recipe that lies beside a manifest, if it is the one that made it."""
    try:
        recipe = recipes.resolve(recipes.load(str(manifest.with_name("recipe.yaml"))), "recipe.yaml")
    except OccbenchError:
        return None
    return recipe.document() if recipe.fingerprint() == wanted else None
