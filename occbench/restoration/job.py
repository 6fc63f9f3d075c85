"""Many photographs restored, and what is written where.

    OUT/
      <name>.png            the restored photograph, 8-bit RGB, upright, without metadata (a colour profile is not kept)
      masks/<name>.png      where it was restored, 255 = occluded       features/<name>.npz      the method's intermediate results
      sheet.png             the first 48 side by side                   rejects.csv              what could not be restored, and why

The names are those of `occbench.restoration.inputs`.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from occbench import images
from occbench.atomic import writing
from occbench.errors import InputError, Rejected, UsageError
from occbench.faces.files import id_of, locate
from occbench.landmarks.locate import Locator
from occbench.manifest import write_rejects
from occbench.manifest.schema import Reject
from occbench.restoration import Image, Restorer, apply
from occbench.restoration.inputs import FEATURES, MASKS, SHEET, Item, read_mask
from occbench.restoration.photo import Aligned, Finished, align, finish, locator
from occbench.synthesis.sheet import Row, contact_sheet

_REJECTS = "rejects.csv"
_ON_SHEET = 48
_TOGETHER = 8  # photographs a batch,
_PIXELS = 1 << 26  # or fewer, if they are large: they wait in memory


@dataclass(frozen=True)
class Options:
    """What is wanted.

    Attributes:
        size: of the crop, px.
        blend: see `photo.finish`.
        landmarks: names of detectors, or None for `photo.detectors`.
        masks: folder with a mask for each photograph, called like what is made of it: `<name>.png`.
        save_mask, save_features, sheet: write these, too.
        overwrite: write into a folder that is not empty; only files of the same names are replaced.
    """

    size: int
    blend: str = "poisson"
    landmarks: Sequence[str] | None = None
    masks: Path | None = None
    save_mask: bool = False
    save_features: bool = False
    sheet: bool = False
    overwrite: bool = False


@dataclass
class Summary:
    """What came out.

    Attributes:
        out: the folder.
        photographs: how many there were.
        done: image file (relative to `out`) by photograph.
        rejects: the rows of `rejects.csv`.
        masks, features: how many were written.
    """

    out: Path
    photographs: int
    done: dict[Item, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    masks: int = 0
    features: int = 0

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "out": str(self.out),
            "photographs": self.photographs,
            "restored": [
                {"source": id_of(item.source), "image_id": item.image_id, "file": name} for item, name in self.done.items()
            ],
            "masks": self.masks,
            "features": self.features,
            "rejects": dict(sorted(Counter(row.reason for row in self.rejects).items())),
        }


def run(
    items: Sequence[Item],
    out: Path,
    restorer: Restorer,
    options: Options,
    progress: Callable[[int, int], None] = lambda photographs, rejects: None,
) -> Summary:
    """Restore photographs. What comes out for one depends on it alone.

    Args:
        items: from `collect`.
        out: the folder to write to; made if missing.
        restorer: the method.
        options: see there.
        progress: called with how many photographs, and how many rejects, have been added.

    Raises:
        UsageError: a method that fills masks without masks; `out` is not empty; or as `photo.locator`.
        InputError: `out` is a file, or an output would replace one of the photographs; or as `photo.locator`.
        RunError: the disk is full or the like.
    """
    if restorer.track == "given-mask" and options.masks is None:
        raise UsageError(
            f"{restorer.name} fills what a mask marks: name the folder with a mask for each photograph (<name>.png, gray, "
            "255 = occluded, of the photograph's size) with --masks."
        )
    find = locator(options.landmarks)
    writer = _Writer(out, items, options)
    summary, rows = Summary(out, len(items)), list[Row]()
    with find:
        try:
            for batch in _batches(items, find, options, summary, progress):
                faces = [face for _, _, face in batch]
                masks = None if options.masks is None else np.stack([face.mask for face in faces if face.mask is not None])
                restored = apply(restorer, np.stack([face.crop for face in faces]), masks)
                for index, (item, photo, face) in enumerate(batch):
                    done = finish(photo, face, restored, index, options.blend)
                    summary.done[item] = writer.write(item, done)
                    summary.masks += options.save_mask and done.mask is not None
                    summary.features += options.save_features and bool(done.features)
                    if options.sheet and len(rows) < _ON_SHEET:
                        rows.append((*done.shown, f"{restorer.name.replace('/', ' ')}/{_printable(item.name)}"))
                progress(len(batch), 0)
        finally:
            writer.rejects(summary.rejects)
    if rows:
        contact_sheet(rows, out / f"{SHEET}.png", "restored photographs", "photograph, restored, mask")
    return summary


class _Writer:
    """The output folder."""

    def __init__(self, out: Path, items: Sequence[Item], options: Options) -> None:
        self._out, self._options = out, options
        try:
            if out.exists() and not out.is_dir():
                raise InputError(f"{out} is a file; --out needs a folder.")
            if not options.overwrite and out.is_dir() and any(out.iterdir()):
                raise UsageError(f"{out} is not empty: choose another folder, or --overwrite to replace files of the same names.")
        except OSError as error:
            raise InputError(f"{out} cannot be looked at: {error.strerror}. Choose another folder for --out.") from None
        self._root = out.resolve()
        ours = {item.path.resolve() for item in items}
        for item in items:
            for path in (self._root / f"{item.name}.png", self._root / MASKS / f"{item.name}.png", self._root / f"{SHEET}.png"):
                if path.resolve() in ours:
                    raise InputError(f"{path} is one of the photographs, and would be replaced: choose another folder for --out.")
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)

    def write(self, item: Item, done: Finished) -> str:
        """Write what is wanted of one photograph, itself last; its name relative to the folder."""
        if self._options.save_features and done.features:
            buffer = io.BytesIO()
            arrays: dict[str, Any] = {name: np.ascontiguousarray(values) for name, values in done.features.items()}
            np.savez_compressed(buffer, **arrays)
            self._write(f"{FEATURES}/{item.name}.npz", buffer.getvalue())
        if self._options.save_mask and done.mask is not None:
            self._write(f"{MASKS}/{item.name}.png", images.encode_png(done.mask))
        self._write(f"{item.name}.png", images.encode_png(np.ascontiguousarray(done.image)))
        return f"{item.name}.png"

    def rejects(self, rejects: Sequence[Reject]) -> None:
        write_rejects(self._out / _REJECTS, rejects)

    def _write(self, name: str, data: bytes) -> None:
        path = self._out / name
        if not path.parent.resolve().is_relative_to(self._root):
            raise InputError(f"{path.parent} is a link that leads out of {self._out}: choose another folder for --out.")
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        images.write_atomic(path, data, fsync=False)


def _batches(
    items: Sequence[Item], find: Locator, options: Options, summary: Summary, progress: Callable[[int, int], None]
) -> Iterator[list[tuple[Item, Image, Aligned]]]:
    """Photographs with their faces, some at a time; those that cannot be used become rejects."""
    batch: list[tuple[Item, Image, Aligned]] = []
    pixels = 0
    for item in items:
        try:
            photo = images.decode(images.read_bytes(item.path))
            mask = None if options.masks is None else _mask_of(item, options.masks, photo)
            batch.append((item, photo, align(photo, mask, find, options.size)))
        except Rejected as rejected:
            summary.rejects.append(Reject(item.source, item.image_id, "", rejected.reason, rejected.detail))
            progress(1, 1)
            continue
        pixels += photo.shape[0] * photo.shape[1]
        if len(batch) == _TOGETHER or pixels >= _PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def _mask_of(item: Item, folder: Path, photo: Image) -> Image:
    try:
        path = locate(folder, f"{item.name}.png")
    except InputError as error:
        raise Rejected("no-mask", f"no mask: {error}") from None
    return read_mask(path, photo)


def _printable(text: str) -> str:
    """A caption that keeps to its place."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 48 else f"…{text[-47:]}"
