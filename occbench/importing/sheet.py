"""The contact sheet of a natural set."""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from occbench.images import decode_exact, encode_png, read_bytes, write_atomic
from occbench.manifest.natural import NATURAL, natural_batches
from occbench.manifest.schema import KINDS
from occbench.synthesis.assembly import SHEET, SHEET_PAIRS
from occbench.synthesis.sheet import font, paste


def natural_sheet(into: Path, title: str) -> None:
    """Write a PNG with some photographs of each kind, spread evenly over the rows of the manifest in `into`."""
    paths: dict[str, list[str]] = {}
    for batch in natural_batches(into / NATURAL, ["kind", "path"]):
        for row in batch.to_pylist():
            paths.setdefault(row["kind"], []).append(row["path"])
    columns, side, margin, heading = 8, 128, 28, 44
    share = max(columns, SHEET_PAIRS // len(paths))
    shown = {
        kind: [paths[kind][k * len(paths[kind]) // min(share, len(paths[kind]))] for k in range(min(share, len(paths[kind])))]
        for kind in KINDS
        if kind in paths
    }
    height = 78 + sum(heading + math.ceil(len(some) / columns) * (side + 4) for some in shown.values()) + margin
    canvas = Image.new("RGB", (2 * margin + columns * (side + 4), height), (246, 246, 244))
    pen = ImageDraw.Draw(canvas)
    pen.text((margin, 22), title, (34, 36, 40), font(24))
    top = 66
    for kind, some in shown.items():
        pen.text((margin, top + 14), f"{kind}: {len(paths[kind])} photographs", (34, 36, 40), font(17))
        top += heading
        for number, path in enumerate(some):
            place = margin + number % columns * (side + 4), top + number // columns * (side + 4)
            paste(canvas, decode_exact(read_bytes(into / path)), *place)
        top += math.ceil(len(some) / columns) * (side + 4)
    write_atomic(into / SHEET, encode_png(np.asarray(canvas)))
