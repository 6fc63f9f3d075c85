"""An overlay pack: what a data set lays over its photographs, and nothing of the photographs themselves.

    PACK/
      overlays.parquet   one row a pair: the manifest's columns without landmarks, attributes and paths, and where its layer lies
      layers/…png        the part of each layer that is not transparent, 8-bit RGBA
      README.md

Photographs are named by the sha256 of their files. A pack may come from anybody, so all of it is checked and bounded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import occbench
from occbench.errors import InputError
from occbench.landmarks import head
from occbench.landmarks.alignment import Matrix, apply, five_points, similarity, template
from occbench.manifest import Pair, batches
from occbench.manifest.schema import FROM_PACK, SCHEMA, SCHEMA_VERSION, tenths

TABLE = "overlays.parquet"
_ABSENT = ("landmarks", "landmark_source", "attributes", "clean_path", "occluded_path", "mask_path")
_PLACE = {"layer_path": pa.string(), "layer_x": pa.int32(), "layer_y": pa.int32()}
COLUMNS = pa.schema(
    [
        *(field for field in SCHEMA if field.name not in _ABSENT),
        *(pa.field(name, kind, nullable=False) for name, kind in _PLACE.items()),
    ],
    metadata={"occbench.schema": str(SCHEMA_VERSION), "occbench.version": occbench.__version__},
)
_PATH = r"^layers/[0-9a-f]{1,8}/[a-z0-9][a-z0-9._-]{0,160}\.png$"
# What rows say that were made from a pack: not where anybody's features are.
WARNING = "average-geometry"


@dataclass(frozen=True)
class Overlay:
    """One row.

    Attributes:
        pair: as in the manifest, but with average geometry for landmarks, and without paths.
        path: of the layer, relative to the pack.
        x, y: where its top left corner lies in the output image, px.
    """

    pair: Pair
    path: str
    x: int
    y: int


def read_overlays(pack: Path) -> Iterator[Overlay]:
    """The rows of a pack, in its order.

    Raises:
        InputError: no pack there, a missing column, or a value out of bounds; names file, row (from 0) and column.
    """
    row = 0
    for batch in overlay_batches(pack):
        usable = pc.match_substring_regex(batch.column("layer_path"), _PATH).to_pylist()
        for record, fine in zip(batch.to_pylist(), usable, strict=True):
            try:
                if not fine:
                    raise ValueError(f"layer_path must be layers/DIGITS/NAME.png, not {record['layer_path'][:120]!r}")
                yield _overlay(record)
            except ValueError as error:
                raise InputError(f"{pack / TABLE}, row {row}: {error}.") from None
            row += 1


def overlay_batches(pack: Path, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Some columns, or all, as Arrow batches. Those that manifests have too are checked as there; JSON is not looked into.

    Raises:
        InputError: as `read_overlays`.
    """
    if not (pack / TABLE).is_file():
        raise InputError(f"{pack} is no overlay pack: there is no {TABLE} in it. `occbench export --format overlays` makes packs.")
    yield from batches(pack / TABLE, names, COLUMNS)


def average_geometry(matrix: Matrix, width: int, height: int) -> npt.NDArray[np.float64]:
    """The 68 points of the average head, where the crop's template has it, taken back to the photograph.

    Args:
        matrix: source pixels to output pixels. The identity (no crop) leaves the head in the middle of the frame.
        width, height: of the output image, px.

    Returns:
        (68, 2) float64, source pixels, multiples of 0.1.

    Raises:
        ValueError: a singular matrix.
    """
    side = min(width, height)
    points = apply(similarity(five_points(head.POINTS)[:, :2], template(side)), head.POINTS[:, :2])
    a, b, tx, c, d, ty = matrix
    det = a * d - b * c
    if abs(det) < 1e-9:
        raise ValueError("singular crop matrix")
    x, y = points[:, 0] + (width - side) / 2 - tx, points[:, 1] + (height - side) / 2 - ty
    return tenths(np.clip(np.stack([x * d - y * b, y * a - x * c], axis=1) / det, -1e5, 1e5))


def _overlay(record: dict[str, Any]) -> Overlay:
    place = [record.pop(name) for name in _PLACE]
    absent = dict.fromkeys(_ABSENT, "") | {"landmark_source": FROM_PACK, "attributes": None}
    points = average_geometry(record["crop_matrix"], record["width"], record["height"])
    warnings = [*(code for code in record["warnings"] if code != WARNING), WARNING]
    return Overlay(Pair.from_record({**record, **absent, "landmarks": points, "warnings": warnings}), *place)
