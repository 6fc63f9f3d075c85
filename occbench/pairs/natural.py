"""Natural photographs, without a clean counterpart: found, aligned as synthesis aligns, and kept as one array.

A natural set that `occbench import` made is taken as it is: nothing is looked for again, and every pixel hash is compared.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache as remember
from pathlib import Path
from typing import Any

import numpy as np

from occbench import weights
from occbench.errors import InputError, Rejected
from occbench.faces import open_source
from occbench.images import decode, read_bytes
from occbench.landmarks import create as create_detector
from occbench.landmarks.alignment import crop, crop_matrix, five_points
from occbench.landmarks.locate import Locator
from occbench.manifest import read_rejects
from occbench.manifest.natural import NATURAL, OCCLUDED_KINDS, natural_batches
from occbench.manifest.pixels import load
from occbench.pairs.paired import Progress
from occbench.pairs.store import Image, create, fill, opened, stored
from occbench.processes import available, mapped

_TASK = 64  # crops
_CROPS = 2  # counts changes of how they are cut


@dataclass(frozen=True, eq=False)
class Natural:
    """Real occluded faces, aligned.

    Attributes:
        images: (N, S, S, 3) uint8 RGB, sorted by image id.
        rejected: how many photographs showed no face.
        fingerprint: of files, detector and size.
    """

    images: Image
    rejected: int
    fingerprint: str


@dataclass(frozen=True)
class _Photograph:
    root: Path
    image_id: str
    size: int
    detectors: tuple[str, ...]
    mark: str


@dataclass(frozen=True)
class _Crops:
    """One task: crops of a natural set, by path and pixel hash."""

    root: Path
    size: int
    files: tuple[tuple[str, str], ...]


def open_natural(
    root: Path,
    size: int,
    *,
    detectors: Sequence[str] = ("yunet",),
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = lambda done, total: None,
) -> Natural:
    """Find, align and keep the faces of a folder of photographs.

    Args:
        root: any tree of photographs, or a natural set: of that the photographs of its training split on which something hides
            the face.
        size: of the crops, px; a natural set of larger ones is scaled down.
        detectors: asked in this order; a natural set needs none.
        cache: folder for arrays; default the user's cache.
        workers: processes; default all cores.
        progress: called while photographs are looked at.

    Raises:
        UsageError, InputError: no such folder or detector, a missing model file, or no face in any photograph; of a natural set:
            damaged, smaller than `size`, or nothing in it to train on.
        RunError: the disk is full.
    """
    if (root / NATURAL).is_file():
        return _imported(root, size, cache, workers, progress)
    source = open_source("folder", root)
    faces = list(source.faces())
    if not faces:
        raise InputError(f"{root}: no photographs there.")
    digest = hashlib.sha256(f"{size} {_CROPS}".encode())
    for name in detectors:
        digest.update(f" {create_detector(name, source).signature}".encode())
    for face in faces:  # name, size and time instead of content: reading everything again would take as long as using it
        status = face.path.stat() if face.path.exists() else face.path.lstat()
        digest.update(f"\n{face.image_id} {status.st_size} {status.st_mtime_ns}".encode())
    mark = digest.hexdigest()
    folder = (cache or weights.user_cache()) / "natural" / mark[:32]
    tasks = [_Photograph(root, face.image_id, size, tuple(detectors), mark) for face in faces]

    def make(into: Path) -> dict[str, Any]:
        found: list[Image] = []
        for done, image in enumerate(mapped(_aligned, tasks, workers or available()), 1):
            if image is not None:
                found.append(image)
            progress(done, len(tasks))
        if not found:
            raise InputError(f"{root}: no face was found in any of {len(tasks)} photographs (by {', '.join(detectors)}).")
        np.save(into / "images.npy", np.stack(found))
        return {"rejected": len(tasks) - len(found)}

    facts = stored(folder, make)
    return Natural(opened(folder / "images.npy"), int(facts["rejected"]), mark)


def _aligned(task: _Photograph) -> Image | None:
    """The crop of one photograph's face; None where there is none."""
    source, locator, faces = _opened(task.root, task.detectors, task.mark)
    try:
        data = read_bytes(source.locate(task.image_id))
        image = decode(data)
        points = locator.locate(image, hashlib.sha256(data).hexdigest(), faces[task.image_id]).points
    except Rejected:
        return None
    return crop(image, crop_matrix(five_points(points), task.size), task.size, task.size, mirrored=False)


def _imported(root: Path, size: int, cache: Path | None, workers: int | None, progress: Progress) -> Natural:
    """The occluded photographs of the training split of a natural set."""
    rows = sorted(_rows(root / NATURAL, size))
    if not rows:
        raise InputError(f"{root / NATURAL} lists no photograph of the training split on which something hides the face.")
    digest = hashlib.sha256(f"imported {size}".encode())
    for image_id, source, sha256, _ in sorted(rows, key=lambda row: (row[1], row[0])):
        digest.update(f"\n{source} {image_id} {sha256}".encode("utf-8", "surrogatepass"))
    mark = digest.hexdigest()
    folder = (cache or weights.user_cache()) / "natural" / mark[:32]
    files = [(path, sha256) for _, _, sha256, path in rows]
    tasks = [_Crops(root, size, tuple(files[k : k + _TASK])) for k in range(0, len(files), _TASK)]

    def make(into: Path) -> dict[str, Any]:
        create(into / "images.npy", (len(files), size, size, 3))
        done = 0
        for images in mapped(_crops, tasks, workers or available()):
            fill(into / "images.npy", done, images)
            done += len(images)
            progress(done, len(files))
        return {}

    stored(folder, make)
    rejects = root / "rejects.csv"
    return Natural(opened(folder / "images.npy"), sum(1 for _ in read_rejects(rejects)) if rejects.is_file() else 0, mark)


def _rows(manifest: Path, size: int) -> Iterator[tuple[str, str, str, str]]:
    """(image id, source, sha256, path) of the occluded photographs of the training split, all squares of `size` or more."""
    for batch in natural_batches(manifest, ["image_id", "source", "split", "kind", "sha256", "path", "width", "height"]):
        for row in batch.to_pylist():
            if row["split"] != "train" or row["kind"] not in OCCLUDED_KINDS:
                continue
            if row["width"] < size or row["width"] != row["height"]:
                raise InputError(
                    f"{manifest.parent / row['path']} has {row['width']}×{row['height']} px, and squares of {size} are needed: "
                    f"import it again with --size {size}."
                )
            yield row["image_id"], row["source"], row["sha256"], row["path"]


def _crops(task: _Crops) -> list[Image]:
    return [_scaled(load(task.root, path, sha256), task.size, task.root / path) for path, sha256 in task.files]


def _scaled(image: Image, size: int, path: Path) -> Image:
    """A square crop in another size; the template's pixel grid keeps its corner."""
    if image.ndim != 3 or image.shape[0] != image.shape[1] or image.shape[0] < size:
        raise InputError(f"{path} is no square RGB image of at least {size} px.")
    scale = size / image.shape[0]
    move = (scale - 1) / 2
    return image if scale == 1 else crop(image, (scale, 0.0, move, 0.0, scale, move), size, size)


@remember  # for as long as the folder is the same
def _opened(root: Path, detectors: tuple[str, ...], mark: str) -> tuple[Any, Locator, dict[str, Any]]:
    source = open_source("folder", root)
    return source, Locator(source, detectors, None), {face.image_id: face for face in source.faces()}
