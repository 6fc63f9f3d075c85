"""Whether the face of a photograph is hidden, and by what part of it: the masks that a trained run tells, without its restorations.

OUT/
  detections.csv        one row a photograph: source, image_id, hidden, probability, left, top, right, bottom, face
  masks/<name>.png      probability of being occluded, 255 = 1, of the photograph's size
  sheet.png             the first 48: crop, crop with what was found, mask         rejects.csv      what could not be read, and why
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occbench import images
from occbench.atomic import writing
from occbench.errors import Rejected, UsageError
from occbench.faces.files import id_of
from occbench.landmarks.alignment import Matrix, crop
from occbench.landmarks.locate import Locator
from occbench.manifest import write_rejects
from occbench.manifest.schema import Reject
from occbench.metrics.regions import OCCLUDED
from occbench.restoration import Image, Restorer, apply
from occbench.restoration.blend import outward
from occbench.restoration.inputs import MASKS, SHEET, Item
from occbench.restoration.photo import align
from occbench.synthesis.sheet import Row, contact_sheet

_SHARE = 0.05  # of the crop's pixels: the most suspicious ones, whose mean speaks for the face
# That mean, where hidden and not hidden are as likely. Of two-stage's recipe cpu: 1 % of the unmasked faces of LFW's validation
# people reach it. Other runs have another such value, and --threshold.
_EVEN = 0.02
_ON_SHEET = 48
_COLUMNS = ("source", "image_id", "hidden", "probability", "left", "top", "right", "bottom", "face")


@dataclass(frozen=True)
class Detection:
    """What was found in one photograph.

    Attributes:
        probability: that its face is hidden, from 0 to 1; see `probability`.
        hidden: it is at least the threshold.
        box: around the largest part of the mask: left, top, right, bottom in px of the photograph, edges at whole numbers; None
            where nothing is hidden, or the mask is too faint to have one.
        mask: (H, W) uint8, 255 = certainly occluded; 0 outside the crop.
        face: a detector found the face. Otherwise the whole photograph was taken for a loose crop of it.
        seen: (S, S, 3) uint8 RGB, the crop; and `told`, (S, S) uint8, the mask in it.
    """

    probability: float
    hidden: bool
    box: tuple[int, int, int, int] | None
    mask: Image
    face: bool
    seen: Image
    told: Image


def detect(photo: Image, find: Locator, run: Restorer, size: int, threshold: float = 0.5) -> Detection:
    """Look for what hides the largest face of a photograph.

    Args:
        photo: (H, W, 3) uint8 RGB.
        find: from `photo.locator`.
        run: a blind method that tells masks.
        size: of the crop, px.
        threshold: of the probability.

    Raises:
        UsageError: the method tells no masks.
        Rejected: no face, and the photograph is too narrow to be one.
    """
    try:
        face = align(photo, None, find, size)
        seen, matrix, found = face.crop, face.matrix, True
    except Rejected as rejected:
        matrix, found = _whole(photo, size), False
        try:
            seen = crop(photo, matrix, size, size)
        except ValueError:
            raise rejected from None
    told = apply(run, seen[None], None).masks
    if told is None:
        raise UsageError(f"{run.name} tells no masks: name a run of two-stage, din-unmask or double-discriminator.")
    chance = probability(told[0])
    mask = outward(told[0], matrix, *photo.shape[:2])
    hidden = chance >= threshold
    return Detection(chance, hidden, _box(mask) if hidden else None, mask, found, seen, told[0])


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


def _row(item: Item, one: Detection) -> dict[str, Any]:
    box = one.box or (None,) * 4
    chance = round(one.probability, 4)
    return dict(zip(_COLUMNS, (id_of(item.source), item.image_id, one.hidden, chance, *box, one.face), strict=True))


def run(
    items: Sequence[Item],
    method: Restorer,
    find: Locator,
    size: int,
    *,
    threshold: float = 0.5,
    out: Path | None = None,
    sheet: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Summary:
    """Look at photographs. What comes out for one depends on it alone.

    Args:
        items: from `inputs.collect`.
        method, find, size, threshold: as for `detect`.
        out: folder for masks, detections.csv and rejects.csv; None writes nothing.
        sheet: write sheet.png, too.
        progress: called with how many photographs have been added.

    Raises:
        UsageError: as `detect`, or `out` is not empty.
        RunError: the disk is full or the like.
    """
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} is not empty: choose another folder for --out.")
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
    summary, rows = Summary(), list[Row]()
    with find:
        for item in items:
            try:
                one = detect(images.decode(images.read_bytes(item.path)), find, method, size, threshold)
            except Rejected as rejected:
                summary.rejects.append(Reject(item.source, item.image_id, "", rejected.reason, rejected.detail))
            else:
                summary.rows.append(_row(item, one))
                if out is not None:
                    path = out / MASKS / f"{item.name}.png"
                    with writing(path.parent):
                        path.parent.mkdir(parents=True, exist_ok=True)
                    images.write_atomic(path, images.encode_png(one.mask), fsync=False)
                if sheet and len(rows) < _ON_SHEET:
                    rows.append((one.seen, _marked(one), one.told, f"{'hidden' if one.hidden else 'free'}/{one.probability:.2f}"))
            progress(1)
    if out is not None:
        table = io.StringIO()
        writer = csv.DictWriter(table, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(summary.rows)
        images.write_atomic(out / "detections.csv", table.getvalue().encode())
        write_rejects(out / "rejects.csv", summary.rejects)
        if rows:
            contact_sheet(rows, out / f"{SHEET}.png", "what hides faces", "crop, what was found, mask")
    return summary


def _marked(one: Detection) -> Image:
    """The crop, redder where it is occluded."""
    share = one.told[..., None].astype(np.float64) / 255 * 0.6
    return np.rint(one.seen * (1 - share) + np.array([230.0, 40, 40]) * share).astype(np.uint8)
