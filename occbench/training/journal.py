"""What a run tells while it works: metrics.csv always, TensorBoard where it is installed, sample grids as PNG."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.atomic import writing
from occbench.images import encode_png, write_atomic

METRICS = "metrics.csv"
GRIDS = "grids"

_COLUMNS = ("step", "epoch", "kind", "name", "value")
_BETWEEN = 2  # px
_PAPER = 246

Image = npt.NDArray[np.uint8]


class Journal:
    """Appends to `metrics.csv`, one value a line: `step, epoch, kind, name, value`.

    `kind` is `loss` (a weighted term, the mean since the last such line), `report` (likewise, but nobody minimises it), `epoch`
    (both, over the whole epoch), `val` or `speed`.

    Args:
        out: folder of the run.
        step: where the run begins: lines of later steps, from a run that was killed, are dropped.

    Raises:
        RunError: the disk is full, or the like.
    """

    def __init__(self, out: Path, step: int) -> None:
        self._path = out / METRICS
        self._board = _board(out / "tensorboard", step)
        kept = []
        if step and self._path.is_file():
            with self._path.open(newline="", encoding="ascii", errors="replace") as file:
                kept = [
                    row
                    for row in csv.DictReader(file, _COLUMNS)  # its first line, the names, has no step
                    if row["step"].isdigit() and int(row["step"]) <= step and row["value"]
                ]
        write_atomic(self._path, (",".join(_COLUMNS) + "\n" + _lines(kept)).encode())

    def write(self, step: int, epoch: int, kind: str, values: Mapping[str, float]) -> None:
        """Append values."""
        rows = [
            {"step": step, "epoch": epoch, "kind": kind, "name": name, "value": f"{value:.6g}"} for name, value in values.items()
        ]
        with writing(self._path), self._path.open("a", newline="", encoding="utf-8") as file:
            file.write(_lines(rows))
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        """Flush what TensorBoard still holds."""
        if self._board is not None:
            self._board.close()


def grid(path: Path, rows: Sequence[Sequence[Image]]) -> None:
    """Write images side by side, a row a pair, as one PNG.

    Args:
        path: of the PNG.
        rows: of (S, S, 3) or (S, S) uint8 images, all of one size and number.

    Raises:
        RunError: the file cannot be written.
    """
    colour = [[np.repeat(image[..., None], 3, 2) if image.ndim == 2 else image for image in row] for row in rows]
    padded = [[np.pad(image, ((0, _BETWEEN), (0, _BETWEEN), (0, 0)), constant_values=_PAPER) for image in row] for row in colour]
    with writing(path):
        path.parent.mkdir(exist_ok=True)
    write_atomic(path, encode_png(np.concatenate([np.concatenate(row, axis=1) for row in padded])), fsync=False)


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, _COLUMNS, lineterminator="\n", extrasaction="ignore").writerows(rows)
    return text.getvalue()


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)
