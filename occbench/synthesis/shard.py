"""The unit of work: some photographs and their pairs, made or rebuilt by one process.

What a shard writes depends on its photographs and the recipe alone, so neither the number of processes nor an interruption matters.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from occbench.atomic import writing
from occbench.errors import InputError, OccbenchError, Rejected, UsageError
from occbench.faces import Face, Source, open_source
from occbench.images import decode, encode_png, pixel_sha256, read_bytes, write_atomic
from occbench.landmarks.locate import Locator
from occbench.manifest import ManifestWriter, Pair, Reject, write_rejects
from occbench.synthesis.pair import clean_image, complete, paths, plan_pair, prepare, render_pair
from occbench.synthesis.recipe import MAX_FOLDER, Recipe

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Place:
    """Where a shard reads and writes.

    Attributes:
        out: folder of the data set.
        rows, rejects: files that the shard leaves for the assembly; the first appears last, and marks the shard as finished.
        journal: file that lists every image before it is written, so that also an unfinished shard can be cleared away.
        root: folder of the photographs, or None.
        options: further options of the source.
        seed, recipe_fingerprint: what the rows' file says of itself.
    """

    out: Path
    rows: Path
    rejects: Path
    journal: Path
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


class Result:
    """What becomes of a shard: images, rows in order, and what could not be used.

    Args:
        place: where to write.
        images: paths of all that may be saved; they go into the journal.
    """

    def __init__(self, place: Place, images: Iterable[str]) -> None:
        self.rows: list[Pair] = []
        self.rejects: list[Reject] = []
        self._place = place
        files = sorted(set(images))
        write_atomic(place.journal, "".join(f"{file}\n" for file in files).encode())
        with writing(place.out):
            for folder in sorted({(place.out / file).parent for file in files}):
                folder.mkdir(parents=True, exist_ok=True)

    def save(self, relative: str, image: Image) -> None:
        """Write an image.

        Raises:
            RunError: the disk failed.
        """
        write_atomic(self._place.out / relative, encode_png(image), fsync=False)

    def finish(self, photographs: int) -> tuple[int, int, int]:
        """Put images, rejects and rows on the disk, the rows last: their file says that the shard is finished."""
        os.sync()  # all images at once: waiting for each is several times slower
        write_rejects(self._place.rejects, self.rejects)
        with ManifestWriter(self._place.rows, seed=self._place.seed, recipe_fingerprint=self._place.recipe_fingerprint) as writer:
            for row in self.rows:
                writer.write(row)
        return photographs, len(self.rows), len(self.rejects)


def make(shard: Making) -> tuple[int, int, int]:
    """Make a shard. Returns how many photographs it had, pairs it gave, and rejects.

    Raises:
        OccbenchError: the source, a model or the disk fails; unusable photographs are rejects, not errors.
    """
    cv2.setNumThreads(1)  # the cores belong to the other processes
    recipe, place = shard.recipe, shard.place
    per_folder = MAX_FOLDER // recipe.pairs_per_photograph
    faces = [(face, f"{number // per_folder:04d}") for number, face in enumerate(shard.faces, shard.first)]
    images = (path for face, folder in faces for pair in recipe.choices(face.image_id) for path in paths(face, *pair, folder))
    source = _source(recipe.source, place.root, place.options)
    result = Result(place, images)
    with Locator(source, recipe.landmarks, shard.cache) as locator:
        for face, folder in faces:
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
                    row = plan_pair(photo, occluder, index, recipe, folder)
                    occluded, mask = render_pair(row, photo.clean)
                except Rejected as rejected:
                    result.rejects.append(Reject(face.source, face.image_id, occluder, rejected.reason, rejected.detail))
                    continue
                row = complete(row, occluded, mask)
                result.save(row.occluded_path, occluded)
                result.save(row.mask_path, mask)
                result.rows.append(row)
            if len(result.rows) > before:
                result.save(result.rows[-1].clean_path, photo.clean)
    return result.finish(len(shard.faces))


def rebuild(shard: Rebuilding) -> tuple[int, int, int]:
    """Rebuild a shard from its rows alone, and compare. Returns as `make` does; rejects are what differs from the manifest.

    Raises:
        OccbenchError: the source or the disk fails.
    """
    cv2.setNumThreads(1)
    images = (path for row in chain(*shard.photographs) for path in (row.clean_path, row.occluded_path, row.mask_path))
    result = Result(shard.place, images)
    for rows in shard.photographs:
        _rebuild_photograph(rows, shard.place, result)
    return result.finish(len(shard.photographs))


def _rebuild_photograph(rows: tuple[Pair, ...], place: Place, result: Result) -> None:
    first, before = rows[0], len(result.rows)
    try:
        clean = _original(first, place)
    except (Rejected, InputError, UsageError) as error:
        reason, detail = (error.reason, error.detail) if isinstance(error, Rejected) else ("source-missing", str(error))
        result.rejects += [Reject(row.source, row.image_id, row.occluder, reason, detail) for row in rows]
        return
    for row in rows:
        try:
            occluded, mask = _again(row, first, clean)
        except Rejected as rejected:
            result.rejects.append(Reject(row.source, row.image_id, row.occluder, rejected.reason, rejected.detail))
            continue
        result.save(row.occluded_path, occluded)
        result.save(row.mask_path, mask)
        result.rows.append(row)
    if len(result.rows) > before:
        result.save(first.clean_path, clean)


def _original(row: Pair, place: Place) -> Image:
    """The clean image of a row, from the user's own photograph."""
    return clean_of(_source(row.source, place.root, place.options).locate(row.image_id), row)


def clean_of(path: Path, row: Pair) -> Image:
    """The clean image that a row promises, of the photograph in a file.

    Raises:
        Rejected: it is another photograph, or no such image follows from it.
    """
    data = read_bytes(path)
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
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            occluded, mask = render_pair(row, clean)
    except OccbenchError as error:  # no such occluder here
        raise Rejected("unusable-row", f"{row.pair_id}: {error}") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError) as error:  # rows are anybody's
        raise Rejected("unusable-row", f"{row.pair_id}: its parameters cannot be rendered: {error!r}"[:500]) from error
    if (pixel_sha256(occluded), pixel_sha256(mask)) != (row.occluded_sha256, row.mask_sha256):
        raise Rejected("pixels-differ", f"{row.pair_id} comes out with other pixels than the manifest promises")
    return occluded, mask


@cache
def _source(name: str, root: Path | None, options: tuple[tuple[str, Any], ...]) -> Source:
    """A source, opened once a process."""
    return open_source(name, root, **dict(options))
