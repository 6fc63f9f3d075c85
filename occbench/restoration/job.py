"""Many photographs restored, and what is written where.

    OUT/
      <name>.png            the restored photograph, 8-bit RGB, upright, without metadata (a colour profile is not kept)
      masks/<name>.png      where it was restored, 255 = occluded       features/<name>.npz      the method's intermediate results
      sheet.png             the first 48 side by side                   rejects.csv              what could not be restored, and why
      .occbench.jsonl       what is known so far, see `occbench.restoration.record`

The names are those of `occbench.restoration.inputs`.
"""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from occbench import images
from occbench.errors import InputError, Rejected, UsageError
from occbench.faces.files import id_of
from occbench.landmarks.locate import Locator
from occbench.manifest import RECORDS, write_rejects
from occbench.manifest.schema import Reject
from occbench.restoration import Image, Restorer, apply
from occbench.restoration.batches import ON_SHEET, batches
from occbench.restoration.inputs import FEATURES, MASKS, SHEET, Item, mark, mask_of, read_mask
from occbench.restoration.photo import Aligned, Finished, align, finish, locator
from occbench.restoration.record import Answers, Record
from occbench.synthesis.sheet import Row, contact_sheet

# Not in a folder `.occbench`: beside one, restored photographs would be no photographs for any other command.
_RECORD = f"{RECORDS}.jsonl"


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
        resume: go on with a run in the folder that was interrupted.
    """

    size: int
    blend: str = "poisson"
    landmarks: Sequence[str] | None = None
    masks: Path | None = None
    save_mask: bool = False
    save_features: bool = False
    sheet: bool = False
    overwrite: bool = False
    resume: bool = False


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

    @classmethod
    def of(cls, out: Path, items: Sequence[Item], record: Record) -> Self:
        """What is known of each photograph, in their order."""
        written = {item: record.answers[item.name].get("files", []) for item in items}
        return cls(
            out,
            len(items),
            done={item: f"{item.name}.png" for item, files in written.items() if files},
            rejects=record.rejects(items),
            masks=sum(f"{MASKS}/{item.name}.png" in files for item, files in written.items()),
            features=sum(f"{FEATURES}/{item.name}.npz" in files for item, files in written.items()),
        )


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
        UsageError: a method that fills masks without masks; or as `Record` or `photo.locator`.
        InputError: an output would replace one of the photographs; or as `Record` or `photo.locator`.
        RunError: the disk is full or the like.
    """
    if restorer.track == "given-mask" and options.masks is None:
        raise UsageError(
            f"{restorer.name} fills what a mask marks: name the folder with a mask for each photograph (<name>.png, gray, "
            "255 = occluded, of the photograph's size) with --masks."
        )
    find = locator(options.landmarks)
    _spare(out, items)
    depends = _depends(items, restorer, find, options)
    record = Record(out, _RECORD, "restore", depends, resume=options.resume, overwrite=options.overwrite)
    rows: list[Row] = []

    def look(item: Item, photo: Image) -> tuple[Image, Aligned]:
        mask = None if options.masks is None else read_mask(mask_of(item, options.masks), photo)
        return photo, align(photo, mask, find, options.size)

    with find:
        try:
            for batch in batches(items, look, record, options.sheet, progress):
                faces = [face for _, (_, face) in batch]
                masks = None if options.masks is None else np.stack([face.mask for face in faces if face.mask is not None])
                restored = apply(restorer, np.stack([face.crop for face in faces]), masks)
                found = Answers()
                for index, (item, (photo, face)) in enumerate(batch):
                    done = finish(photo, face, restored, index, options.blend)
                    if item.name not in record.answers:
                        found[item.name] = {"files": _write(record, item, done, options)}
                    if options.sheet and len(rows) < ON_SHEET:
                        rows.append((*done.shown, f"{restorer.name.replace('/', ' ')}/{_printable(item.name)}"))
                record.add(found)
        finally:
            write_rejects(out / "rejects.csv", record.rejects(items))
    record.finish(items)
    if rows:
        contact_sheet(rows, out / f"{SHEET}.png", "restored photographs", "photograph, restored, mask", "photographs")
    return Summary.of(out, items, record)


def _spare(out: Path, items: Sequence[Item]) -> None:
    """See that no output would replace a photograph."""
    root, ours = out.resolve(), {item.path.resolve() for item in items}
    for item in items:
        for path in (root / f"{item.name}.png", root / MASKS / f"{item.name}.png", root / f"{SHEET}.png"):
            if path.resolve() in ours:
                raise InputError(f"{path} is one of the photographs, and would be replaced: choose another folder for --out.")


def _depends(items: Sequence[Item], restorer: Restorer, find: Locator, options: Options) -> dict[str, Any]:
    """What the output depends on."""
    masks = options.masks
    return {
        "method": restorer.signature,
        "size": options.size,
        "blend": options.blend,
        "landmarks": list(find.signatures),
        "photographs": mark((item.name, item.path) for item in items),
        "masks": None if masks is None else mark((item.name, _mask(item, masks)) for item in items),
        "save_mask": options.save_mask,
        "save_features": options.save_features,
    }


def _mask(item: Item, folder: Path) -> Path | None:
    try:
        return mask_of(item, folder)
    except Rejected:
        return None


def _write(record: Record, item: Item, done: Finished, options: Options) -> list[str]:
    """Write what is wanted of one photograph, itself last; the files."""
    files = []
    if options.save_features and done.features:
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {name: np.ascontiguousarray(values) for name, values in done.features.items()}
        np.savez_compressed(buffer, **arrays)
        files.append(record.write(f"{FEATURES}/{item.name}.npz", buffer.getvalue()))
    if options.save_mask and done.mask is not None:
        files.append(record.write(f"{MASKS}/{item.name}.png", images.encode_png(done.mask)))
    return [*files, record.write(f"{item.name}.png", images.encode_png(np.ascontiguousarray(done.image)))]


def _printable(text: str) -> str:
    """A caption that keeps to its place."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 48 else f"…{text[-47:]}"
