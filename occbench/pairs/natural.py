"""Natural photographs, without a clean counterpart: found, aligned as synthesis aligns, and kept as one array."""

import hashlib
from collections.abc import Sequence
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
from occbench.pairs.paired import Progress
from occbench.pairs.store import Image, opened, stored
from occbench.processes import available, mapped


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
        root: any tree of photographs.
        size: of the crops, px.
        detectors: asked in this order.
        cache: folder for arrays; default the user's cache.
        workers: processes; default all cores.
        progress: called while photographs are looked at.

    Raises:
        UsageError, InputError: no such folder or detector, a missing model file, or no face in any photograph.
        RunError: the disk is full.
    """
    source = open_source("folder", root)
    faces = list(source.faces())
    if not faces:
        raise InputError(f"{root}: no photographs there.")
    digest = hashlib.sha256(f"{size}".encode())
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
    return crop(image, crop_matrix(five_points(points), task.size), task.size, task.size)


@remember  # for as long as the folder is the same
def _opened(root: Path, detectors: tuple[str, ...], mark: str) -> tuple[Any, Locator, dict[str, Any]]:
    source = open_source("folder", root)
    return source, Locator(source, detectors, None), {face.image_id: face for face in source.faces()}
