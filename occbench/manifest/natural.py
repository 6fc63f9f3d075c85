"""The manifest of a natural set: one row a photograph without a clean counterpart. Read with the same distrust as that of pairs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

import occbench
from occbench.atomic import replacing, writing
from occbench.errors import InputError
from occbench.manifest import MANIFEST
from occbench.manifest.checks import checked, numbers
from occbench.manifest.reader import checked_batches, opened
from occbench.manifest.schema import KINDS, SCHEMA, SCHEMA_VERSION, canonical_json, parse_object, tenths
from occbench.manifest.schema import NATURAL as NATURAL

OCCLUDED_KINDS = tuple(kind for kind in KINDS if kind != "neutral")
_ROW_GROUP = 4096


def _text(name: str) -> pa.Field:
    return pa.field(name, pa.string(), nullable=False)


_NAMES = (
    *("image_id", "source", "identity", "split", "kind", "landmarks", "landmark_source", "crop_matrix", "yaw", "pitch", "roll"),
    *("attributes", "source_sha256", "sha256", "path", "width", "height", "warnings"),
)
# Columns that both kinds of manifests have mean the same in both.
NATURAL_SCHEMA = pa.schema([SCHEMA.field(name) if name in SCHEMA.names else _text(name) for name in _NAMES])


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """One row.

    Attributes:
        image_id, source, identity, split: as of a `Pair`.
        kind: one of `KINDS`: what hides the face; `occluded` where that is not known, `neutral` where nothing does.
        landmarks: (68, 2) float64, (x, y) in *source* pixels, multiples of 0.1, iBUG order.
        landmark_source, crop_matrix, yaw, pitch, roll, attributes, source_sha256: as of a `Pair`.
        sha256: of the decoded pixels of the aligned crop.
        path: of the crop, relative to the manifest's folder, in `images/`.
        width, height: of the crop, px.
        warnings: short codes.
    """

    image_id: str
    source: str
    identity: str
    split: str
    kind: str
    landmarks: npt.NDArray[np.float64]
    landmark_source: str
    crop_matrix: tuple[float, float, float, float, float, float]
    yaw: float
    pitch: float
    roll: float
    attributes: dict[str, Any] | None
    source_sha256: str
    sha256: str
    path: str
    width: int
    height: int
    warnings: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Column to value as stored, plain JSON data.

        Raises:
            ValueError: attributes with a NaN or an infinity.
        """
        record = {column.name: getattr(self, column.name) for column in fields(self)}
        record["attributes"] = None if self.attributes is None else canonical_json(self.attributes)
        record["landmarks"] = tenths(self.landmarks).ravel().tolist()
        record["crop_matrix"] = [float(value) for value in self.crop_matrix]
        record["warnings"] = list(self.warnings)
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of `to_record`.

        Raises:
            ValueError: attributes that are not a JSON object with finite numbers.
        """
        values = {column.name: record[column.name] for column in fields(cls)}
        values["attributes"] = None if record["attributes"] is None else parse_object("attributes", record["attributes"])
        values["landmarks"] = tenths(record["landmarks"]).reshape(68, 2)
        values["crop_matrix"] = tuple(record["crop_matrix"])
        values["warnings"] = tuple(record["warnings"])
        return cls(**values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sight) and self.to_record() == other.to_record()


def write_natural(path: Path, rows: Iterable[Sight]) -> int:
    """Write the manifest of a natural set; it appears when it is whole. The same rows give the same bytes. Returns their number.

    Raises:
        InputError: a value that no reader would accept; names row and column.
        RunError: the disk is full.
    """
    schema = NATURAL_SCHEMA.with_metadata({"occbench.schema": str(SCHEMA_VERSION), "occbench.version": occbench.__version__})
    rows, count = iter(rows), 0
    options = {"compression": "zstd", "compression_level": 3, "write_page_checksum": True}
    with replacing(path) as temporary, writing(path), pq.ParquetWriter(temporary, schema, **options) as writer:
        while chunk := list(islice(rows, _ROW_GROUP)):
            try:
                batch = pa.RecordBatch.from_pylist([row.to_record() for row in chunk], NATURAL_SCHEMA)
            except (ValueError, TypeError, pa.ArrowException) as error:
                raise InputError(f"{path}, rows {count} to {count + len(chunk) - 1}: {error}") from error
            writer.write_batch(checked(batch, str(path), count, NATURAL_SCHEMA))
            count += len(chunk)
    return count


def is_natural(directory: Path) -> bool:
    """A data set without pairs: a natural set's manifest is there, and theirs is not."""
    return (directory / NATURAL).is_file() and not (directory / MANIFEST).is_file()


def count_natural(path: Path) -> int:
    """The number of rows; reads the end of the file only, and raises as `natural_batches`."""
    with opened(path, path, NATURAL_SCHEMA) as file:
        return int(file.metadata.num_rows)


def natural_batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Some columns, or all, as checked Arrow batches. JSON is not looked into.

    Raises:
        InputError: no such file, no manifest of a natural set, or a value out of bounds; names file, row (from 0) and column.
    """
    with opened(path, path, NATURAL_SCHEMA) as file:
        yield from checked_batches(file, path, columns, NATURAL_SCHEMA)


def read_natural(path: Path) -> Iterator[Sight]:
    """The rows, in the order of the file.

    Raises:
        InputError: as `natural_batches`; also a path that comes twice.
    """
    seen: set[int] = set()
    row = 0
    for batch in natural_batches(path):
        vectors = {name: numbers(batch.column(name)) for name in ("landmarks", "crop_matrix")}
        rest = batch.drop_columns(list(vectors)).to_pylist()
        for record, landmarks, matrix in zip(rest, vectors["landmarks"], vectors["crop_matrix"].tolist(), strict=True):
            if hash(record["path"]) in seen:
                raise InputError(f"{path}, row {row}: the path {record['path']} comes for the second time.")
            seen.add(hash(record["path"]))
            try:
                yield Sight.from_record({**record, "landmarks": landmarks, "crop_matrix": matrix})
            except ValueError as error:
                raise InputError(f"{path}, row {row}: {error}.") from None
            row += 1
