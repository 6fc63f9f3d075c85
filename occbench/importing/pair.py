"""The unit of work of a paired import: some photographs with their occluded versions → images and manifest rows."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.faces import Face
from occbench.images import decode, read_bytes
from occbench.importing import Couple, Layout, Occluded, masks
from occbench.importing.files import locator
from occbench.landmarks import Landmarks
from occbench.landmarks.alignment import crop
from occbench.landmarks.canonical import Canonical
from occbench.manifest import Pair, Reject
from occbench.manifest.schema import IMPORTED
from occbench.synthesis.pair import IDENTITY, Photograph, complete, draft, paths, prepare
from occbench.synthesis.recipe import Recipe
from occbench.synthesis.shard import Place, Result

Image = npt.NDArray[np.uint8]

_OCCLUDED = 128
_JPEG = b"\xff\xd8"

# Warnings of imported rows.
MASK_FOUND = "mask-from-difference"  # nobody gave it
FROM_CLEAN = "visible-from-clean"  # visible pixels differed (compression, mostly) and were taken from the clean image


@dataclass(frozen=True)
class Settings:
    """How pairs are imported.

    Attributes:
        crop: `none` (pixels as they are) or `aligned`.
        size: of aligned crops, px.
        landmarks: detectors to try before the average face.
        inverted: given masks say black for occluded.
    """

    crop: str
    size: int
    landmarks: tuple[str, ...]
    inverted: bool = False


@dataclass(frozen=True)
class Importing:
    """A shard to import: photographs, of which the first is number `first` of all; `per_folder` share a folder."""

    place: Place
    layout: Layout
    settings: Settings
    first: int
    per_folder: int
    couples: tuple[Couple, ...]


def bring(shard: Importing) -> tuple[int, int, int]:
    """Import a shard. Returns how many photographs it had, pairs it gave, and rejects.

    Raises:
        OccbenchError: a model or the disk fails; unusable files are rejects, not errors.
    """
    cv2.setNumThreads(1)  # the cores belong to the other processes
    placed = [(couple, f"{n // shard.per_folder:04d}") for n, couple in enumerate(shard.couples, shard.first)]
    images = (
        path
        for couple, folder in placed
        for version in couple.occluded
        for path in paths(couple.face, version.occluder, version.index, folder)
    )
    result = Result(shard.place, images)
    for couple, folder in placed:
        face = couple.face
        try:
            data = read_bytes(face.path)
            photo, source = _photograph(face, data, shard.layout, shard.settings)
        except Rejected as rejected:
            result.rejects.append(Reject(face.source, face.image_id, "", rejected.reason, f"clean image: {rejected.detail}"))
            continue
        before = len(result.rows)
        for version in couple.occluded:
            try:
                row, occluded, mask = _pair(photo, source, data[:2] == _JPEG, version, shard.layout, shard.settings, folder)
            except Rejected as rejected:
                detail = f"{version.name}: {rejected.detail}"
                result.rejects.append(Reject(face.source, face.image_id, version.occluder, rejected.reason, detail))
                continue
            result.save(row.occluded_path, occluded)
            result.save(row.mask_path, mask)
            result.rows.append(row)
        if len(result.rows) > before:
            result.save(result.rows[-1].clean_path, photo.clean)
    return result.finish(len(shard.couples))


def _photograph(face: Face, data: bytes, layout: Layout, settings: Settings) -> tuple[Photograph, Image]:
    """The clean photograph with landmarks and crop, and its pixels as they are."""
    image, sha256 = decode(data), hashlib.sha256(data).hexdigest()
    try:
        landmarks = locator(layout, settings.landmarks).locate(image, sha256, face)
    except Rejected:
        landmarks = average(layout, image, face)
    recipe = Recipe(layout.name, {}, size=settings.size, crop=settings.crop)
    return prepare(face, image, sha256, landmarks, recipe), image


def average(layout: Layout, image: Image, face: Face) -> Landmarks:
    """The average face, where faces of this layout lie: so that every pair can be scored. Warning `average-geometry`."""
    found = Canonical(layout).detect(image, face)
    return Landmarks(np.rint(found.points * 10) / 10, found.detector, found.warnings)


def _pair(
    photo: Photograph, source: Image, jpeg: bool, version: Occluded, layout: Layout, settings: Settings, folder: str
) -> tuple[Pair, Image, Image]:
    """One row with its occluded image and mask."""
    data = read_bytes(version.path)
    occluded = decode(data)
    if occluded.shape != source.shape:
        sizes = " and ".join(f"{image.shape[1]}×{image.shape[0]}" for image in (occluded, source))
        raise Rejected("size-differs", f"occluded and clean image have {sizes} pixels")
    mask, how = _mask(source, occluded, version, layout, settings, lossless=not jpeg and data[:2] != _JPEG)
    differs = (occluded != source).any(axis=2) & (mask == 0)
    replaced = int(np.count_nonzero(differs))
    largest = int(cv2.absdiff(occluded, source)[differs].max()) if replaced else 0
    occluded = np.where(mask[:, :, None] == 0, source, occluded)
    if photo.matrix != IDENTITY or settings.crop != "none":
        height, width = photo.clean.shape[:2]
        occluded = crop(occluded, photo.matrix, width, height)
        mask = np.ascontiguousarray(crop(np.repeat(mask[:, :, None], 3, axis=2), photo.matrix, width, height)[:, :, 0])
        occluded = np.where(mask[:, :, None] == 0, photo.clean, occluded)  # an alpha that was rounded to 0
    if not (mask >= _OCCLUDED).any():
        raise Rejected("empty-mask", "what hides something lies outside the crop")
    if np.array_equal(occluded, photo.clean):
        raise Rejected("invisible", "what hides something looks like what it hides")
    imported: dict[str, Any] = {"occluded": version.name, "occluded_sha256": hashlib.sha256(data).hexdigest(), "mask": how}
    if replaced:
        imported |= {"replaced": round(replaced / differs.size, 4), "largest": largest}
    warnings = (
        *photo.warnings,
        *((MASK_FOUND,) if how == "difference" else ()),
        *((FROM_CLEAN,) if replaced else ()),
    )
    row = draft(photo, version.occluder, version.variant, version.index, 0, {IMPORTED: imported}, folder)
    return complete(replace(row, warnings=warnings), occluded, mask), occluded, mask


def _mask(
    clean: Image, occluded: Image, version: Occluded, layout: Layout, settings: Settings, *, lossless: bool
) -> tuple[Image, str]:
    """The mask in pixels of the source, and where it comes from."""
    if version.mask is not None:
        data = read_bytes(version.mask)
        pixels = decode(data)
        if pixels.shape != clean.shape:
            raise Rejected("size-differs", f"its mask has {pixels.shape[1]}×{pixels.shape[0]} pixels")
        mask = masks.from_file(pixels, inverted=settings.inverted, lossless=data[:2] != _JPEG)
        masks.check(mask, clean, occluded)
        return mask, "given"
    if layout.find_mask == "square":
        return masks.black_square(clean, occluded), "square"
    return masks.from_difference(clean, occluded, lossless=lossless), "difference"
