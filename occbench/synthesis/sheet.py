"""The contact sheet: one picture that shows what a data set looks like."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from occbench.images import encode_png, write_atomic

Pixels = npt.NDArray[np.uint8]
Row = tuple[Pixels, Pixels, Pixels, str]

# Pixels. An aligned crop of the default size fills its place exactly.
_SIDE, _COLUMNS, _BETWEEN, _MARGIN = 128, 4, 2, 28
_GAP_ACROSS, _GAP_DOWN, _CAPTION, _HEADING, _TITLE = 24, 12, 20, 44, 78
_PAPER, _INK, _FAINT, _LINE = (246, 246, 244), (34, 36, 40), (112, 116, 122), (212, 212, 208)


def contact_sheet(
    rows: Sequence[Row], path: Path, title: str = "occbench", shown: str = "clean, occluded, mask", counted: str = "pairs"
) -> None:
    """Draw pairs as triples (clean, occluded, mask), grouped by occluder, and write them as one PNG. Equal input, equal pixels.

    Args:
        rows: clean (H, W, 3) uint8 RGB, occluded likewise, mask (H, W) uint8, and the caption "occluder/variant". Larger images are
            scaled down by area averaging. About 48 make a sheet that can be looked at; the order inside an occluder is kept.
        path: of the PNG.
        title: its heading, followed by counts.
        shown: what the three images are.
        counted: what three images are.

    Raises:
        RunError: the file cannot be written.
    """
    groups = [
        (occluder, list(members))
        for occluder, members in groupby(sorted(rows, key=_occluder), key=_occluder)
    ]  # fmt: skip
    cell = 3 * _SIDE + 2 * _BETWEEN
    width = 2 * _MARGIN + _COLUMNS * cell + (_COLUMNS - 1) * _GAP_ACROSS
    lines = sum(-(-len(members) // _COLUMNS) for _, members in groups)
    height = _TITLE + len(groups) * _HEADING + lines * (_SIDE + _CAPTION + _GAP_DOWN) + _MARGIN

    canvas = Image.new("RGB", (width, height), _PAPER)
    pen = ImageDraw.Draw(canvas)
    counts = [f"{len(rows)} {counted}", *(f"{occluder} {len(members)}" for occluder, members in groups)]
    pen.text((_MARGIN, 22), title, _INK, font(24))
    pen.text((_MARGIN, 54), "   ".join(counts), _FAINT, font(13))
    pen.text((width - _MARGIN, 54), f"left to right: {shown}", _FAINT, font(13), anchor="ra")

    top = _TITLE
    for occluder, members in groups:
        pen.line((_MARGIN, top + 8, width - _MARGIN - 1, top + 8), _LINE)
        pen.text((_MARGIN, top + 17), occluder, _INK, font(17))
        top += _HEADING
        for number, (*images, caption) in enumerate(members):
            column = number % _COLUMNS
            left = _MARGIN + column * (cell + _GAP_ACROSS)
            for place, image in enumerate(images):
                paste(canvas, image, left + place * (_SIDE + _BETWEEN), top)
            pen.text((left, top + _SIDE + 4), caption.partition("/")[2] or caption, _FAINT, font(12))
            if column == _COLUMNS - 1 or number == len(members) - 1:
                top += _SIDE + _CAPTION + _GAP_DOWN
    write_atomic(path, encode_png(np.asarray(canvas)))


def _occluder(row: Row) -> str:
    return row[3].partition("/")[0]


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that Pillow brings along, `size` px."""
    return ImageFont.load_default(size)


def paste(canvas: Image.Image, image: Pixels, left: int, top: int) -> None:
    """Put an image into the middle of a square place, scaled down to fit."""
    height, width = image.shape[:2]
    if max(height, width) > _SIDE:
        longer = max(height, width)
        height, width = (max(1, round(side * _SIDE / longer)) for side in (height, width))
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    canvas.paste(Image.fromarray(image), (left + (_SIDE - width) // 2, top + (_SIDE - height) // 2))
