"""Whether the face of a photograph is hidden, and by what part of it: the masks that a trained run tells, without its restorations.

OUT/
  detections.csv        one row a photograph: source, image_id, hidden, probability, left, top, right, bottom, face
  masks/<name>.png      probability of being occluded, 255 = 1, of the photograph's size
  sheet.png             the first 48: crop, crop with what was found, mask         rejects.csv      what could not be read, and why
  .occbench/            what is known so far, see `occbench.restoration.record`
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

from occbench import images
from occbench.errors import Rejected, UsageError
from occbench.faces.files import id_of
from occbench.landmarks.alignment import Matrix, crop
from occbench.landmarks.locate import Locator
from occbench.manifest import RECORDS, write_rejects
from occbench.manifest.schema import Reject
from occbench.metrics.regions import OCCLUDED
from occbench.restoration import Image, Restorer, apply
from occbench.restoration.batches import ON_SHEET, batches
from occbench.restoration.blend import outward
from occbench.restoration.inputs import MASKS, SHEET, Item, mark
from occbench.restoration.photo import align
from occbench.restoration.record import Answers, Record
from occbench.synthesis.sheet import Row, contact_sheet

_SHARE = 0.05  # of the crop's pixels: the most suspicious ones, whose mean speaks for the face
# That mean, where hidden and not hidden are as likely. Of two-stage's recipe cpu: 1 % of the unmasked faces of LFW's validation
# people reach it. Other runs have another such value, and --threshold.
_EVEN = 0.02
_RECORD = f"{RECORDS}/photographs.jsonl"  # a folder that says that masks are no photographs
_COLUMNS = ("source", "image_id", "hidden", "probability", "left", "top", "right", "bottom", "face")
_TOLD = ("hidden", "probability", "box", "face")


@dataclass(frozen=True)
class Detection:
    """What was found in one photograph.

    Attributes:
        probability: that its face is hidden, from 0 to 1; see `probability`.
        hidden: it is at least the threshold.
        box: around the largest part of the mask: left, top, right, bottom in px of the photograph, edges at whole numbers; None
            where nothing is hidden, or the mask is too faint to have one.
        mask: (H, W) uint8, 255 = certainly occluded; 0 outside the crop.
        told: (S, S) uint8, the mask in the crop.
    """

    probability: float
    hidden: bool
    box: tuple[int, int, int, int] | None
    mask: Image
    told: Image


@dataclass(frozen=True)
class Seen:
    """What of a photograph is looked at.

    Attributes:
        crop: (S, S, 3) uint8 RGB.
        matrix: photograph to crop.
        shape: H and W of the photograph.
        face: a detector found the face. Otherwise the whole photograph is taken for a loose crop of it.
    """

    crop: Image
    matrix: Matrix
    shape: tuple[int, int]
    face: bool


def see(photo: Image, find: Locator, size: int) -> Seen:
    """Cut out the largest face of a photograph, or all of it.

    Args:
        photo: (H, W, 3) uint8 RGB.
        find: from `photo.locator`.
        size: of the crop, px.

    Raises:
        Rejected: no face, and the photograph is too narrow to be one.
    """
    height, width = photo.shape[:2]
    try:
        face = align(photo, None, find, size)
        return Seen(face.crop, face.matrix, (height, width), True)
    except Rejected as rejected:
        matrix = _whole(photo, size)
        try:
            return Seen(crop(photo, matrix, size, size, mirrored=False), matrix, (height, width), False)
        except ValueError:
            raise rejected from None


def detect(seen: Sequence[Seen], method: Restorer, threshold: float = 0.5) -> list[Detection]:
    """Look for what hides faces.

    Args:
        seen: some crops of one size.
        method: blind, and tells masks.
        threshold: of the probability.

    Raises:
        UsageError: the method tells no masks.
    """
    told = apply(method, np.stack([one.crop for one in seen]), None).masks
    if told is None:
        raise UsageError(f"{method.name} tells no masks: name a run of two-stage, din-unmask or double-discriminator.")
    found = []
    for one, mask in zip(seen, told, strict=True):
        chance, whole = probability(mask), outward(mask, one.matrix, *one.shape)
        hidden = chance >= threshold
        found.append(Detection(chance, hidden, _box(whole) if hidden else None, whole, mask))
    return found


def probability(mask: Image) -> float:
    """The probability that a face is hidden, of the mask (S, S) uint8 that a run tells of its crop.

    m / (m + 0.02), m the mean of the largest 5 % of the mask's probabilities: its odds against what unmasked faces show. An order
    with a sensible middle, not a frequency: how often it is right depends on what is looked at.
    """
    values = np.sort(mask, axis=None)[-max(1, int(_SHARE * mask.size)) :]
    mean = float(values.mean()) / 255
    return mean / (mean + _EVEN)


def _whole(photo: Image, size: int) -> Matrix:
    """Photograph to crop, where no face was found: all of it, in the middle of the square."""
    height, width = photo.shape[:2]
    scale = size / max(height, width)
    return (scale, 0.0, (size - scale * width) / 2, 0.0, scale, (size - scale * height) / 2)


def _box(mask: Image) -> tuple[int, int, int, int] | None:
    count, _, stats, _ = cv2.connectedComponentsWithStats((mask >= OCCLUDED).astype(np.uint8))
    if count < 2:
        return None
    left, top, width, height, _ = stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())].tolist()
    return left, top, left + width, top + height


@dataclass
class Summary:
    """What came out.

    Attributes:
        rows: of detections.csv, one a photograph.
        rejects: photographs that could not be read, or are too narrow to hold a face.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "photographs": len(self.rows) + len(self.rejects),
            "faces": sum(row["face"] for row in self.rows),
            "hidden": sum(row["hidden"] for row in self.rows),
            "detections": self.rows,
            "rejects": dict(sorted(Counter(row.reason for row in self.rejects).items())),
        }

    @classmethod
    def of(cls, items: Sequence[Item], record: Record) -> Self:
        """What is known of each photograph, in their order."""
        summary = cls(rejects=record.rejects(items))
        for item in items:
            said = record.answers[item.name]
            if "reason" not in said:
                values = (id_of(item.source), item.image_id, said["hidden"], said["probability"], *said["box"], said["face"])
                summary.rows.append(dict(zip(_COLUMNS, values, strict=True)))
        return summary


def run(
    items: Sequence[Item],
    method: Restorer,
    find: Locator,
    size: int,
    *,
    threshold: float = 0.5,
    out: Path | None = None,
    sheet: bool = False,
    resume: bool = False,
    progress: Callable[[int, int], None] = lambda photographs, rejects: None,
) -> Summary:
    """Look at photographs. What comes out for one depends on it alone.

    Args:
        items: from `inputs.collect`.
        method, threshold: as for `detect`; find, size: as for `see`.
        out: folder for masks, detections.csv and rejects.csv; None writes nothing.
        sheet: write sheet.png, too.
        resume: go on with a run in `out` that was interrupted.
        progress: called with how many photographs, and how many rejects, have been added.

    Raises:
        UsageError, InputError: as `detect` or `Record`.
        RunError: the disk is full or the like.
    """
    of = {"method": method.signature, "size": size, "threshold": threshold, "landmarks": list(find.signatures)}
    photographs = mark((item.name, item.path) for item in items)
    record = Record(out, _RECORD, "detect-mask", {**of, "photographs": photographs}, told=_TOLD, resume=resume)
    rows: list[Row] = []

    def look(_: Item, photo: Image) -> Seen:
        return see(photo, find, size)

    with find:
        for batch in batches(items, look, record, sheet, progress):
            answers = Answers()
            for (item, seen), one in zip(batch, detect([seen for _, seen in batch], method, threshold), strict=True):
                if item.name not in record.answers:
                    masks = [] if out is None else [record.write(f"{MASKS}/{item.name}.png", images.encode_png(one.mask))]
                    answers[item.name] = _answer(seen, one, masks)
                if sheet and len(rows) < ON_SHEET:
                    said = f"{'hidden' if one.hidden else 'free'}/{one.probability:.2f}"
                    rows.append((seen.crop, _marked(seen.crop, one.told), one.told, said))
            record.add(answers)
    record.finish(items)
    summary = Summary.of(items, record)
    if out is not None:
        table = io.StringIO()
        writer = csv.DictWriter(table, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(summary.rows)
        images.write_atomic(out / "detections.csv", table.getvalue().encode())
        write_rejects(out / "rejects.csv", summary.rejects)
        if rows:
            contact_sheet(rows, out / f"{SHEET}.png", "what hides faces", "crop, what was found, mask", "photographs")
    return summary


def _answer(seen: Seen, one: Detection, files: list[str]) -> dict[str, Any]:
    box = list(one.box or (None,) * 4)
    return {"hidden": one.hidden, "probability": round(one.probability, 4), "box": box, "face": seen.face, "files": files}


def _marked(crop: Image, told: Image) -> Image:
    """The crop, redder where it is occluded."""
    share = told[..., None].astype(np.float64) / 255 * 0.6
    return np.rint(crop * (1 - share) + np.array([230.0, 40, 40]) * share).astype(np.uint8)
