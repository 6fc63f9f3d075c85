"""A whole natural import: find, align and keep the faces of a layout. It is made under another name, and moved when it is whole."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2

from occbench.atomic import unfinished, writing
from occbench.digest import file_sha256
from occbench.errors import InputError, OccbenchError, Rejected, UsageError
from occbench.images import decode, encode_png, pixel_sha256, read_bytes, write_atomic
from occbench.importing import Layout, Sighting
from occbench.importing.card import write_natural_card
from occbench.importing.files import locator
from occbench.importing.sheet import natural_sheet
from occbench.landmarks.alignment import crop
from occbench.landmarks.locate import Locator
from occbench.manifest import RECORDS, Reject, write_rejects
from occbench.manifest.ids import photo_id
from occbench.manifest.natural import NATURAL, Sight, natural_batches, write_natural
from occbench.manifest.schema import KINDS, SPLITS
from occbench.processes import available, mapped
from occbench.synthesis.assembly import SHEET
from occbench.synthesis.pair import prepare
from occbench.synthesis.recipe import MAX_FOLDER, Recipe

Progress = Callable[[int, int], None]  # photographs looked at, of how many

_TASK = 32  # photographs
_FILES = (NATURAL, "rejects.csv", "README.md", SHEET)


@dataclass(frozen=True)
class NaturalSummary:
    """What a natural import gave.

    Attributes:
        out: folder of the natural set.
        photographs: looked at.
        images: in the manifest, by kind and split.
        rejects: by reason.
        fingerprint: sha256 of the manifest file.
    """

    out: Path
    photographs: int
    images: Counter[tuple[str, str]]
    rejects: Counter[str]
    fingerprint: str

    def document(self) -> dict[str, Any]:
        """JSON-able, for `--json`."""
        by = [Counter[str](), Counter[str]()]
        for key, count in self.images.items():
            for counter, name in zip(by, key, strict=True):
                counter[name] += count
        return {
            "out": str(self.out),
            "photographs": self.photographs,
            "images": self.images.total(),
            "images_by_kind": {kind: by[0][kind] for kind in KINDS if by[0][kind]},
            "images_by_split": {split: by[1][split] for split in SPLITS if by[1][split]},
            "rejects": self.rejects.total(),
            "rejects_by_reason": dict(sorted(self.rejects.items())),
            "manifest_sha256": self.fingerprint,
            "contact_sheet": str(self.out / SHEET),
        }


@dataclass(frozen=True)
class _Task:
    into: Path
    layout: Layout
    detectors: tuple[str, ...]
    size: int
    first: int
    sightings: tuple[Sighting, ...]


def import_natural(
    layout: Layout,
    called: str,
    out: Path,
    *,
    size: int = 128,
    detectors: tuple[str, ...] = ("yunet",),
    limit: int | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
) -> NaturalSummary:
    """Bring photographs without counterparts under a manifest. The same files give the same set for any number of workers.

    Args:
        layout: of the photographs.
        called: its registry name.
        out: folder of the set: new or empty, or a natural set that `overwrite` replaces.
        size: of the aligned crops, px.
        detectors: asked in this order; a photograph in which none finds a face is a reject.
        limit: at most so many photographs.
        workers: processes; default all cores.
        overwrite: delete what an earlier import left in `out`, once the new set is whole.
        progress: called while photographs are looked at.

    Raises:
        UsageError, InputError: nothing was done. Also when no face is found in any photograph.
        RunError: the disk or a process failed; nothing is left behind.
    """
    Locator(layout, detectors, None)
    sightings, rejects = layout.sightings()
    sightings = sightings[:limit]
    out = out.absolute()
    with _made_elsewhere(out, overwrite) as into:
        kinds: Counter[tuple[str, str]] = Counter()

        def rows() -> Iterator[Sight]:
            tasks = (
                _Task(into, layout, detectors, size, first, tuple(sightings[first : first + _TASK]))
                for first in range(0, len(sightings), _TASK)
            )
            done = 0
            for some, refused in mapped(_bring, tasks, workers or available()):
                done += len(some) + len(refused)
                rejects.extend(refused)
                for row in some:
                    kinds[row.kind, row.split] += 1
                    yield row
                progress(done, len(sightings))

        if not write_natural(into / NATURAL, rows()):
            raise InputError(f"No face was found in any of {len(sightings)} photographs (by {', '.join(detectors)}).")
        write_rejects(into / "rejects.csv", rejects)
        settings = {"layout": called, "name": layout.name, "size": size, "landmarks": list(detectors), "limit": limit}
        write_natural_card(into, settings=settings, layout=layout)
        natural_sheet(into, f"occbench import · {layout.name}")
        with writing(out):
            (into / RECORDS).mkdir()
        document = json.dumps({"finished": True, "run": {"import": settings}}, indent=1, sort_keys=True)
        write_atomic(into / RECORDS / "run.json", document.encode() + b"\n")
    return NaturalSummary(out, len(sightings), kinds, Counter(reject.reason for reject in rejects), file_sha256(out / NATURAL))


def _bring(task: _Task) -> tuple[list[Sight], list[Reject]]:
    """The crops of some photographs, written, with their rows; and the others."""
    cv2.setNumThreads(1)
    rows, rejects = [], []
    for number, sighting in enumerate(task.sightings, task.first):
        face = sighting.face
        try:
            data = read_bytes(face.path)
            image, digest = decode(data), sha256(data).hexdigest()
            landmarks = locator(task.layout, task.detectors).locate(image, digest, face)
            photo = prepare(face, image, digest, landmarks, Recipe(task.layout.name, {}, size=task.size))
        except Rejected as rejected:
            rejects.append(Reject(face.source, face.image_id, "", rejected.reason, rejected.detail))
            continue
        path = f"images/{number // MAX_FOLDER:04d}/{photo_id(face.source, face.image_id)}.png"
        with writing(task.into):
            (task.into / path).parent.mkdir(parents=True, exist_ok=True)
        cut = crop(image, photo.matrix, task.size, task.size, mirrored=False)
        write_atomic(task.into / path, encode_png(cut), fsync=False)
        yaw, pitch, roll = photo.angles
        rows.append(
            Sight(
                image_id=face.image_id,
                source=face.source,
                identity=face.identity,
                split=face.split,
                kind=sighting.kind,
                landmarks=photo.landmarks.points,
                landmark_source=photo.landmarks.detector,
                crop_matrix=photo.matrix,
                yaw=yaw,
                pitch=pitch,
                roll=roll,
                attributes=face.attributes,
                source_sha256=digest,
                sha256=pixel_sha256(cut),
                path=path,
                width=task.size,
                height=task.size,
                warnings=photo.warnings,
            )
        )
    return rows, rejects


@contextmanager
def _made_elsewhere(out: Path, overwrite: bool) -> Iterator[Path]:
    """A folder beside `out`; what is in it when the block ends without an error is moved there, the manifest last."""
    try:
        there = list(out.iterdir()) if out.is_dir() else []
        if out.exists() and not out.is_dir():
            raise InputError(f"{out} is a file; --out needs a folder.")
        if there and not (out / NATURAL).is_file():
            raise UsageError(f"{out} is not empty, and what is there is no natural set: choose another folder.")
        if there and not overwrite:
            raise UsageError(f"{out} already holds a natural set: add --overwrite to replace it.")
        old = _old(out) if there else []
        into = unfinished(out)
        into.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"Cannot write to {out}: {error.strerror}. Choose another folder for --out.") from None
    try:
        yield into
        with writing(out):
            os.sync()
            _forget(out, old)
            out.mkdir(exist_ok=True)
            for child in sorted(into.iterdir(), key=lambda path: path.name == NATURAL):
                child.rename(out / child.name)
    finally:
        shutil.rmtree(into, ignore_errors=True)


def _old(out: Path) -> list[str]:
    """Images of the set that is there. All must be listed, and nothing else be among them, before anything is made or deleted."""
    try:
        old = [path for batch in natural_batches(out / NATURAL, ["path"]) for path in batch.column("path").to_pylist()]
    except OccbenchError as error:
        raise InputError(f"--overwrite deletes only what a manifest lists, and {error}") from error
    listed = {out / relative for relative in (*old, f"{RECORDS}/run.json")}
    listed |= {folder for path in listed for folder in path.parents}
    there = (path for top in ("images", RECORDS) for path in (out / top).rglob("*"))
    if strange := min((path for path in there if path not in listed), default=None):
        raise InputError(f"{strange} belongs to no natural set, and --overwrite replaces its folder: take it out.")
    return old


def _forget(out: Path, old: list[str]) -> None:
    """Delete a natural set; the manifest first, so that nothing half deleted looks whole."""
    for relative in (*_FILES, f"{RECORDS}/run.json", *old):
        path = out / relative
        if path.parent.resolve().is_relative_to(out.resolve()):
            path.unlink(missing_ok=True)
    for folder in [*sorted({out / relative for path in old for relative in Path(path).parents}, reverse=True), out / RECORDS]:
        if folder != out:
            with suppress(OSError):  # not empty, or not there
                folder.rmdir()
