"""One row of the manifest: its columns, and the record that code works with. The columns are a contract; see `docs/manifest.md`."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SCHEMA_VERSION = 1
SPLITS = ("train", "val", "test")
# What rows say that nobody can render again: a key of the parameters where others have made the pair, and the landmark source where
# it was made from an overlay pack.
IMPORTED, FROM_PACK = "imported", "average geometry through the crop"
NATURAL = "natural.parquet"  # the manifest of a natural set
KINDS = ("masked", "sunglasses", "glasses", "occluded", "neutral")  # of natural photographs


def _column(name: str, kind: pa.DataType, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=nullable)


def _list(kind: pa.DataType, size: int = -1) -> pa.DataType:
    return pa.list_(pa.field("element", kind, nullable=False), size)


SCHEMA = pa.schema(
    [
        _column("pair_id", pa.string()),
        _column("source", pa.string()),
        _column("image_id", pa.string()),
        _column("identity", pa.string()),
        _column("split", pa.string()),
        _column("occluder", pa.string()),
        _column("variant", pa.string()),
        _column("index", pa.int32()),
        _column("seed", pa.int64()),
        _column("parameters", pa.string()),
        _column("landmarks", _list(pa.float32(), 136)),
        _column("landmark_source", pa.string()),
        _column("crop_matrix", _list(pa.float64(), 6)),
        _column("coverage", pa.float64()),
        _column("mask_fraction", pa.float64()),
        _column("yaw", pa.float64()),
        _column("pitch", pa.float64()),
        _column("roll", pa.float64()),
        _column("attributes", pa.string(), nullable=True),
        _column("source_sha256", pa.string()),
        _column("clean_sha256", pa.string()),
        _column("occluded_sha256", pa.string()),
        _column("mask_sha256", pa.string()),
        _column("clean_path", pa.string()),
        _column("occluded_path", pa.string()),
        _column("mask_path", pa.string()),
        _column("width", pa.int32()),
        _column("height", pa.int32()),
        _column("warnings", _list(pa.string())),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One row: everything that is needed to render a pair again, and the hashes that prove it.

    Attributes:
        pair_id: `[a-z0-9._-]+`, names the occluded image and the mask.
        source, image_id, identity: the photograph; the first two find it, the last is unique inside its source.
        split: `train`, `val` or `test`.
        occluder, variant, index, seed: what covers the face; index counts the pairs of one photograph and occluder.
        parameters: all that was drawn or measured, plain JSON data with finite numbers.
        landmarks: (68, 2) float64, (x, y) in *source* pixels, multiples of 0.1, iBUG order.
        landmark_source: signature of the detector.
        crop_matrix: (a, b, tx, c, d, ty), source pixels to output pixels.
        coverage, mask_fraction: occluded part of the face's hull and of the frame, 0 to 1.
        yaw, pitch, roll: head pose in degrees.
        attributes: what the source says about the photograph, plain JSON data, or None.
        source_sha256: of the photograph's file; the three others of decoded pixels (`images.pixel_sha256`).
        clean_path, occluded_path, mask_path: relative to the manifest's folder, forward slashes.
        width, height: of the three images, px.
        warnings: short codes.
    """

    pair_id: str
    source: str
    image_id: str
    identity: str
    split: str
    occluder: str
    variant: str
    index: int
    seed: int
    parameters: dict[str, Any]
    landmarks: npt.NDArray[np.float64]
    landmark_source: str
    crop_matrix: tuple[float, float, float, float, float, float]
    coverage: float
    mask_fraction: float
    yaw: float
    pitch: float
    roll: float
    attributes: dict[str, Any] | None
    source_sha256: str
    clean_sha256: str
    occluded_sha256: str
    mask_sha256: str
    clean_path: str
    occluded_path: str
    mask_path: str
    width: int
    height: int
    warnings: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Column to value as stored, all of it plain JSON data: objects as JSON text, landmarks as a flat list of 136 numbers.

        Raises:
            ValueError: parameters or attributes with a NaN or an infinity.
        """
        record = {column.name: getattr(self, column.name) for column in fields(self)}
        record["parameters"] = canonical_json(self.parameters)
        record["attributes"] = None if self.attributes is None else canonical_json(self.attributes)
        record["landmarks"] = tenths(self.landmarks).ravel().tolist()
        record["crop_matrix"] = [float(value) for value in self.crop_matrix]
        record["warnings"] = list(self.warnings)
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of `to_record`; landmarks may be any 136 numbers that make up an array.

        Raises:
            ValueError: parameters or attributes that are not a JSON object with finite numbers.
        """
        values = {column.name: record[column.name] for column in fields(cls)}
        values["parameters"] = parse_object("parameters", record["parameters"])
        values["attributes"] = None if record["attributes"] is None else parse_object("attributes", record["attributes"])
        values["landmarks"] = tenths(record["landmarks"]).reshape(68, 2)
        values["crop_matrix"] = tuple(record["crop_matrix"])
        values["warnings"] = tuple(record["warnings"])
        return cls(**values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pair) and self.to_record() == other.to_record()


@dataclass(frozen=True, slots=True)
class Reject:
    """One photograph that gave no pair, or (with an occluder) one pair that could not be made.

    Attributes:
        source, image_id: the photograph.
        occluder: registry name, or empty where the whole photograph was rejected.
        reason: short stable code.
        detail: a sentence for a person.
    """

    source: str
    image_id: str
    occluder: str
    reason: str
    detail: str


def to_batch(pairs: Iterable[Pair]) -> pa.RecordBatch:
    """Rows as Arrow columns, in `SCHEMA`."""
    return pa.RecordBatch.from_pylist([pair.to_record() for pair in pairs], SCHEMA)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no blanks, ASCII.

    Raises:
        ValueError: a NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse_object(column: str, text: str) -> dict[str, Any]:
    """A JSON object from text that somebody else may have written.

    Raises:
        ValueError: not JSON, not an object, nested too deeply, or with numbers that are not finite.
    """
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{column} is not usable JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{column} is not a JSON object")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def tenths(points: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Landmarks as multiples of 0.1: the same float64 values before storing as float32 and after reading."""
    rounded: npt.NDArray[np.float64] = np.rint(np.asarray(points, dtype=np.float64) * 10) / 10
    return rounded
