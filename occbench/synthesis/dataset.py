"""A whole data set: plan the shards, map them over processes, assemble what they leave. Made from photographs or a manifest."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, TypeVar

import yaml

from occbench.errors import InputError, OccbenchError, Rejected, UsageError
from occbench.faces import Face, Source, open_source
from occbench.images import decode, decode_exact, read_bytes, write_atomic
from occbench.landmarks.locate import Locator
from occbench.manifest import (
    MANIFEST,
    ManifestWriter,
    Pair,
    batches,
    export_csv,
    export_jsonl,
    facts,
    fingerprint,
    read,
    read_rejects,
    write_rejects,
)
from occbench.manifest.schema import SPLITS
from occbench.processes import available, mapped
from occbench.synthesis import recipe as recipes
from occbench.synthesis import shard
from occbench.synthesis.card import write_card
from occbench.synthesis.recipe import CODE_SCHEMA, Recipe
from occbench.synthesis.sheet import contact_sheet
from occbench.synthesis.workspace import Workspace

T = TypeVar("T")
# progress(photographs, pairs, rejects): what one more shard added
Progress = Callable[[int, int, int], None]

SHEET = "contact_sheet.png"
SHEET_PAIRS = 48
_SHARDS = 24  # at least so many, where there are photographs enough, so that all cores have something to do until the end
_KIND = ("occluder", "variant")
# Bytes of PNG a pixel, measured on LFW at 128 px with the default recipe: clean and occluded image, mask.
_BYTES = {"image": 2.1, "mask": 0.12}
_LOOKED_AT = 16  # photographs, to estimate how large they are


@dataclass(frozen=True)
class Summary:
    """What a run gave.

    Attributes:
        out: folder of the data set.
        photographs: looked at.
        pairs: in the manifest, by split.
        rejects: rows of `rejects.csv`, by reason.
        fingerprint: of the data: pair ids and pixel hashes.
    """

    out: Path
    photographs: int
    pairs: dict[str, int]
    rejects: dict[str, int]
    fingerprint: str

    def document(self) -> dict[str, Any]:
        """JSON-able, for `--json`."""
        return {
            "out": str(self.out),
            "photographs": self.photographs,
            "pairs": sum(self.pairs.values()),
            "pairs_by_split": self.pairs,
            "rejects": sum(self.rejects.values()),
            "rejects_by_reason": self.rejects,
            "data_fingerprint": self.fingerprint,
            "contact_sheet": str(self.out / SHEET),
        }


class Selection:
    """The photographs that a recipe asks for.

    Args:
        recipe: its source, split and limit matter.
        root: folder of the photographs, or None for sources that bring their own.
        options: further options of the source.

    Raises:
        UsageError: no such source.
        InputError: no usable photographs at `root`.
    """

    def __init__(self, recipe: Recipe, root: Path | None, options: Mapping[str, Any] | None = None) -> None:
        self.recipe = recipe
        self.root = root.resolve() if root is not None else None
        self.options = tuple(sorted((options or {}).items()))
        self.source: Source = open_source(recipe.source, self.root, **dict(self.options))

    def faces(self) -> Iterator[Face]:
        """In the order of their ids."""
        wanted = (face for face in self.source.faces() if self.recipe.split in ("all", face.split))
        return islice(wanted, self.recipe.limit)

    @cached_property
    def _census(self) -> tuple[dict[str, int], str]:
        sizes: Counter[str] = Counter()
        digest = hashlib.sha256()
        for face in self.faces():
            sizes[face.split] += 1
            entry = [face.image_id, face.identity, face.split, face.points, face.box, _size(face.path)]
            digest.update(json.dumps(entry).encode() + b"\n")
        return {split: sizes[split] for split in SPLITS if sizes[split]}, digest.hexdigest()

    @property
    def sizes(self) -> dict[str, int]:
        """Photographs by split.

        Raises:
            UsageError: there are none.
        """
        sizes, _ = self._census
        if not sizes:
            others = Counter(face.split for face in self.source.faces())
            listing = ", ".join(f"{split} {others[split]}" for split in SPLITS if others[split])
            raise UsageError(
                f"The split {self.recipe.split!r} of {self.recipe.source} has no photographs. "
                f"Photographs by split: {listing or 'none'}."
            )
        return sizes

    @property
    def digest(self) -> str:
        """sha256 over what the source says of the photographs, and the sizes of their files."""
        return self._census[1]

    def estimate(self) -> dict[str, Any]:
        """What a run would give if every photograph gave all its pairs: counts by split, and bytes (None: unknown)."""
        photographs = sum(self.sizes.values())
        pairs = photographs * self.recipe.pairs_per_photograph
        document: dict[str, Any] = {
            "photographs": photographs,
            "photographs_by_split": self.sizes,
            "pairs": pairs,
            "pairs_by_split": {split: size * self.recipe.pairs_per_photograph for split, size in self.sizes.items()},
            "bytes": None,
        }
        area = self.recipe.size**2 if self.recipe.crop == "aligned" else _mean_area(islice(self.faces(), _LOOKED_AT))
        if area is not None:
            document["bytes"] = round(area * ((photographs + pairs) * _BYTES["image"] + pairs * _BYTES["mask"]))
        return document


def synthesise(
    selection: Selection,
    out: Path,
    *,
    cache: Path | None = None,
    workers: int | None = None,
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
        resume: go on with an interrupted run.
        overwrite: delete what an earlier run left in `out`.
        progress: called after each shard.

    Raises:
        UsageError, InputError: nothing was done.
        RunError: the disk or a process failed; the run can be resumed.
    """
    recipe, photographs = selection.recipe, sum(selection.sizes.values())
    run = {
        "recipe": recipe.document(),
        "code_schema": CODE_SCHEMA,
        "photographs": {"count": photographs, "sha256": selection.digest},
    }
    Locator(selection.source, recipe.landmarks, None)  # says what cannot be used before anything is touched
    out = out.absolute()
    space = Workspace(out, run, resume=resume, overwrite=overwrite)

    def tasks() -> Iterator[shard.Making]:
        for number, faces in enumerate(_chunks(selection.faces(), each)):
            place = _place(space, number, selection.root, selection.options, recipe.seed, recipe.fingerprint())
            yield shard.Making(place, recipe, number * each, faces, cache)

    each = min(shard.PHOTOGRAPHS, -(-photographs // _SHARDS))
    shards = -(-photographs // each)
    if not space.finished:
        _run(shard.make, tasks(), space, workers, progress)
        _assemble(space, shards, recipe.seed, recipe.fingerprint())
        made_from = {"photographs": run["photographs"], "code_schema": CODE_SCHEMA}
        _describe(out, recipe.document(), selection.source, made_from)
        space.finish()
    return _summary(out, photographs)


def rebuild(
    manifest: Path,
    root: Path | None,
    out: Path,
    *,
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
) -> Summary:
    """Rebuild a data set from its manifest and the user's own photographs, and compare every pixel hash.

    Landmarks, crop and parameters come from the manifest: no detector runs. What cannot be rebuilt, or comes out different, is left
    out and listed as a reject.

    Args:
        manifest: of the data set.
        root: folder of the photographs, or None for sources that bring their own.
        out, workers, resume, overwrite, progress: as in `synthesise`.

    Raises:
        UsageError, InputError: nothing was done.
        RunError: the disk or a process failed; the run can be resumed.
    """
    said = facts(manifest)
    first = next(iter(read(manifest)), None)
    if first is None:
        raise InputError(f"{manifest} has no rows.")
    source = open_source(first.source, root.resolve() if root is not None else None)
    out = out.absolute()
    if manifest.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"{manifest} lies in {out}, which is to be rebuilt from it: choose another folder for --out.")
    with manifest.open("rb") as stream:
        run = {"manifest": hashlib.file_digest(stream, "sha256").hexdigest(), "code_schema": CODE_SCHEMA}
    space = Workspace(out, run, resume=resume, overwrite=overwrite)
    seed = int(said.seed) if said.seed.isdecimal() else None
    each = min(shard.PHOTOGRAPHS, -(-said.rows // _SHARDS))

    def tasks() -> Iterator[shard.Rebuilding]:
        photographs = (tuple(rows) for _, rows in groupby(read(manifest), lambda row: (row.source, row.image_id)))
        for number, group in enumerate(_chunks(photographs, each)):
            place = _place(space, number, root.resolve() if root is not None else None, (), seed, said.recipe_fingerprint)
            yield shard.Rebuilding(place, group)

    if not space.finished:
        _run(shard.rebuild, tasks(), space, workers, progress)
        shards = next(number for number in range(said.rows + 1) if not space.done(number))
        _assemble(space, shards, seed, said.recipe_fingerprint)
        _describe(out, _recipe_beside(manifest, said.recipe_fingerprint), source, {"manifest": run["manifest"]})
        space.finish()
    return _summary(out, None)


def _mean_area(faces: Iterable[Face]) -> float | None:
    """Mean number of pixels of those photographs that can be decoded."""
    areas = []
    for face in faces:
        with suppress(Rejected):
            height, width, _ = decode(read_bytes(face.path)).shape
            areas.append(height * width)
    return sum(areas) / len(areas) if areas else None


def _size(path: Path) -> int | None:
    """Bytes of a photograph's file: enough to tell two copies of a source apart that differ in more than their place."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _chunks(items: Iterable[T], each: int) -> Iterator[tuple[T, ...]]:
    items = iter(items)
    while chunk := tuple(islice(items, each)):
        yield chunk


def _place(
    space: Workspace, number: int, root: Path | None, options: tuple[tuple[str, Any], ...], seed: int | None, recipe: str
) -> shard.Place:
    return shard.Place(space.out, space.shard(number), space.rejects(number), space.journal(number), root, options, seed, recipe)


def _run(
    function: Callable[[Any], tuple[int, int, int]],
    tasks: Iterator[shard.Making] | Iterator[shard.Rebuilding],
    space: Workspace,
    workers: int | None,
    progress: Progress,
) -> None:
    """Map the shards that are not finished yet over processes."""

    def missing() -> Iterator[shard.Making | shard.Rebuilding]:
        for task in tasks:
            if task.place.rows.exists():
                progress(_photographs(task), 0, 0)
            else:
                yield task

    for photographs, pairs, rejects in mapped(function, missing(), workers or available()):
        progress(photographs, pairs, rejects)


def _photographs(task: shard.Making | shard.Rebuilding) -> int:
    return len(task.faces) if isinstance(task, shard.Making) else len(task.photographs)


def _assemble(space: Workspace, shards: int, seed: int | None, recipe: str) -> None:
    """Manifest, exports and rejects out of the finished shards, in their order."""
    out = space.out
    with ManifestWriter(out / MANIFEST, seed=seed, recipe_fingerprint=recipe) as writer:
        for number in range(shards):
            for batch in batches(space.shard(number)):
                writer.extend(batch)
    write_rejects(out / "rejects.csv", chain.from_iterable(read_rejects(space.rejects(number)) for number in range(shards)))
    export_csv(out / MANIFEST, out / "manifest.csv")
    export_jsonl(out / MANIFEST, out / "metadata.jsonl")


def _describe(out: Path, recipe: Mapping[str, Any] | None, source: Source, made_from: Mapping[str, Any]) -> None:
    """Recipe, data card and contact sheet."""
    if recipe is not None:
        text = yaml.safe_dump({**recipe, "made_from": dict(made_from)}, sort_keys=True, allow_unicode=True)
        write_atomic(out / "recipe.yaml", text.encode())
    write_card(out, recipe=recipe or {}, source=source)
    shown = _shown(out / MANIFEST)
    pairs = (row for number, row in enumerate(read(out / MANIFEST)) if number in shown)
    rows = [(*_images(out, row), f"{row.occluder}/{row.variant}") for row in pairs]
    if rows:
        contact_sheet(rows, out / SHEET, f"occbench · {source.name}")


def _shown(manifest: Path) -> set[int]:
    """Numbers of the rows on the contact sheet: as many of each variant of each occluder, spread evenly over its rows."""
    totals: Counter[tuple[str, str]] = Counter()
    for batch in batches(manifest, _KIND):
        totals.update(_kinds(batch))
    share = max(1, SHEET_PAIRS // max(1, len(totals)))
    wanted = {}  # the k-th row of each kind; the start differs, so that not all kinds show the same photograph
    for number, (kind, total) in enumerate(sorted(totals.items())[:SHEET_PAIRS]):
        wanted[kind] = {(k * total // min(share, total) + number) % total for k in range(min(share, total))}
    seen: Counter[tuple[str, str]] = Counter()
    chosen, row = set(), 0
    for batch in batches(manifest, _KIND):
        for kind in _kinds(batch):
            if seen[kind] in wanted.get(kind, ()):
                chosen.add(row)
            seen[kind] += 1
            row += 1
    return chosen


def _kinds(batch: Any) -> Iterator[tuple[str, str]]:
    return zip(*(batch.column(name).to_pylist() for name in _KIND), strict=True)


def _images(out: Path, row: Pair) -> tuple[Any, Any, Any]:
    clean, occluded, mask = (decode_exact(read_bytes(out / path)) for path in (row.clean_path, row.occluded_path, row.mask_path))
    return clean, occluded, mask


def _recipe_beside(manifest: Path, wanted: str) -> dict[str, Any] | None:
    """The recipe that lies beside a manifest, if it is the one that made it."""
    try:
        recipe = recipes.resolve(recipes.load(str(manifest.with_name("recipe.yaml"))), "recipe.yaml")
    except OccbenchError:
        return None
    return recipe.document() if recipe.fingerprint() == wanted else None


def _summary(out: Path, photographs: int | None) -> Summary:
    pairs: Counter[str] = Counter()
    seen = 0
    last = ""
    for batch in batches(out / MANIFEST, ["split", "image_id"]):
        pairs.update(batch.column("split").to_pylist())
        for image_id in batch.column("image_id").to_pylist():
            seen, last = seen + (image_id != last), image_id
    rejects = Counter(reject.reason for reject in read_rejects(out / "rejects.csv"))
    return Summary(
        out,
        seen if photographs is None else photographs,
        {split: pairs[split] for split in SPLITS if pairs[split]},
        dict(sorted(rejects.items())),
        fingerprint(read(out / MANIFEST)),
    )
