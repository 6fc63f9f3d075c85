"""The unit of work: some photographs and their pairs, made or rebuilt by one process.

What a shard writes depends on its photographs and the recipe alone, so neither the number of processes nor an interruption matters.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from occbench.atomic import writing
from occbench.errors import InputError, Rejected
from occbench.faces import Face, Source, open_source
from occbench.images import decode, encode_png, pixel_sha256, read_bytes, write_atomic
from occbench.landmarks.locate import Locator
from occbench.manifest import ManifestWriter, Pair, Reject, write_rejects
from occbench.synthesis.pair import clean_image, complete, plan_pair, prepare, render_pair
from occbench.synthesis.recipe import MAX_FOLDER, Recipe

Image = npt.NDArray[np.uint8]

PHOTOGRAPHS = 64  # of one shard


@dataclass(frozen=True)
class Place:
    """Where a shard reads and writes.

    Attributes:
        out: folder of the data set.
        rows, rejects: files that the shard leaves for the assembly; the first appears last, and marks the shard as finished.
        root: folder of the photographs, or None.
        options: further options of the source.
        seed, recipe_fingerprint: what the rows' file says of itself.
    """

    out: Path
    rows: Path
    rejects: Path
    root: Path | None
    options: tuple[tuple[str, Any], ...]
    seed: int | None
    recipe_fingerprint: str


@dataclass(frozen=True)
class Making:
    """A shard to make: photographs, of which the first is number `first` of all, by a recipe; `cache` keeps landmarks."""

    place: Place
    recipe: Recipe
    first: int
    faces: tuple[Face, ...]
    cache: Path | None


@dataclass(frozen=True)
class Rebuilding:
    """A shard to rebuild: rows of a manifest, grouped by photograph."""

    place: Place
    photographs: tuple[tuple[Pair, ...], ...]


@dataclass
class Result:
    """What became of a shard: photographs looked at, rows in order, and what could not be used."""

    photographs: int
    rows: list[Pair] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


def make(shard: Making) -> tuple[int, int, int]:
    """Make a shard. Returns how many photographs it had, pairs it gave, and rejects.

    Raises:
        OccbenchError: the source, a model or the disk fails; unusable photographs are rejects, not errors.
    """
    cv2.setNumThreads(1)  # the cores belong to the other processes
    recipe, result = shard.recipe, Result(len(shard.faces))
    per_folder = MAX_FOLDER // recipe.pairs_per_photograph
    with Locator(_source(recipe.source, shard.place.root, shard.place.options), recipe.landmarks, shard.cache) as locator:
        for number, face in enumerate(shard.faces, shard.first):
            try:
                data = read_bytes(face.path)
                sha256 = hashlib.sha256(data).hexdigest()
                image = decode(data)
                photo = prepare(face, image, sha256, locator.locate(image, sha256, face), recipe)
            except Rejected as rejected:
                result.rejects.append(Reject(face.source, face.image_id, "", rejected.reason, rejected.detail))
                continue
            before = len(result.rows)
            for occluder, index in recipe.choices(face.image_id):
                try:
                    row = plan_pair(photo, occluder, index, recipe, f"{number // per_folder:04d}")
                    occluded, mask = render_pair(row, photo.clean)
                except Rejected as rejected:
                    result.rejects.append(Reject(face.source, face.image_id, occluder, rejected.reason, rejected.detail))
                    continue
                row = complete(row, occluded, mask)
                _save(shard.place.out, {row.occluded_path: occluded, row.mask_path: mask})
                result.rows.append(row)
            if len(result.rows) > before:
                _save(shard.place.out, {result.rows[-1].clean_path: photo.clean})
    return _finish(shard.place, result)


def rebuild(shard: Rebuilding) -> tuple[int, int, int]:
    """Rebuild a shard from its rows alone, and compare. Returns as `make` does; rejects are what differs from the manifest.

    Raises:
        OccbenchError: the source or the disk fails.
    """
    cv2.setNumThreads(1)
    result = Result(len(shard.photographs))
    for rows in shard.photographs:
        try:
            clean = _original(rows[0], shard.place)
        except (Rejected, InputError) as error:
            reason, detail = (error.reason, error.detail) if isinstance(error, Rejected) else ("source-missing", str(error))
            result.rejects += [Reject(row.source, row.image_id, row.occluder, reason, detail) for row in rows]
            continue
        for row in rows:
            try:
                occluded, mask = _again(row, rows[0], clean)
            except Rejected as rejected:
                result.rejects.append(Reject(row.source, row.image_id, row.occluder, rejected.reason, rejected.detail))
                continue
            _save(shard.place.out, {row.occluded_path: occluded, row.mask_path: mask})
            result.rows.append(row)
        if result.rows and result.rows[-1].clean_path == rows[0].clean_path:
            _save(shard.place.out, {rows[0].clean_path: clean})
    return _finish(shard.place, result)


def _original(row: Pair, place: Place) -> Image:
    """The clean image of a row, from the user's own photograph."""
    data = read_bytes(_source(row.source, place.root, place.options).locate(row.image_id))
    if hashlib.sha256(data).hexdigest() != row.source_sha256:
        raise Rejected("source-changed", "this photograph is not, byte for byte, the one that the manifest was made from")
    try:
        clean = clean_image(decode(data), row.crop_matrix, row.width, row.height)
    except ValueError as error:
        raise Rejected("unusable-row", f"no clean image follows from the row: {error}") from error
    if pixel_sha256(clean) != row.clean_sha256:
        raise Rejected("clean-differs", "the clean image has other pixels than the manifest promises")
    return clean


def _again(row: Pair, first: Pair, clean: Image) -> tuple[Image, Image]:
    """Occluded image and mask of a row, compared with what it promises."""
    same = ("source_sha256", "clean_sha256", "clean_path", "crop_matrix", "width", "height")
    if any(getattr(row, name) != getattr(first, name) for name in same):
        raise Rejected("unusable-row", f"rows of one photograph disagree on its clean image ({row.pair_id}, {first.pair_id})")
    try:
        occluded, mask = render_pair(row, clean)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:  # rows are anybody's
        raise Rejected("unusable-row", f"{row.pair_id}: its parameters cannot be rendered: {error!r}"[:500]) from error
    if (pixel_sha256(occluded), pixel_sha256(mask)) != (row.occluded_sha256, row.mask_sha256):
        raise Rejected("pixels-differ", f"{row.pair_id} comes out with other pixels than the manifest promises")
    return occluded, mask


@cache
def _source(name: str, root: Path | None, options: tuple[tuple[str, Any], ...]) -> Source:
    """A source, opened once a process."""
    return open_source(name, root, **dict(options))


def _save(out: Path, images: Mapping[str, Image]) -> None:
    for relative, image in images.items():
        path = out / relative
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, encode_png(image), fsync=False)


def _finish(place: Place, result: Result) -> tuple[int, int, int]:
    """Put rejects and rows on the disk, the rows last: their file says that the shard is finished."""
    write_rejects(place.rejects, result.rejects)
    with ManifestWriter(place.rows, seed=place.seed, recipe_fingerprint=place.recipe_fingerprint) as writer:
        for row in result.rows:
            writer.write(row)
    return result.photographs, len(result.rows), len(result.rejects)
