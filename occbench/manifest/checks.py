"""What a manifest may hold. A manifest may come from anywhere, so every value is bounded before anything acts on it.

The checks work on whole Arrow columns. The first row that breaks a rule is named, counted from 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from occbench.errors import InputError
from occbench.images import MAX_PIXELS, MAX_SIDE
from occbench.manifest.ids import MAX_ID
from occbench.manifest.schema import KINDS, SCHEMA, SPLITS

MAX_JSON = 1 << 16
_MAX_TEXT = 4096
_MAX_WARNINGS = 64
_MAX_ROW = 1 << 18  # bytes, on average

_HASH = ("^[0-9a-f]{64}$", "64 hexadecimal digits in lower case")
_WORD = (r"^[^\x00-\x1f\x7f]{1,200}$", "1 to 200 characters without control characters")
_NAME = (r"^[^\x00]+$", "text, not empty")


def _path(folder: str) -> tuple[str, str]:
    part = r"[^/\\:\x00-\x1f\x7f]+"
    rule = f"a relative path in {folder}/ that ends in .png or .webp, with forward slashes and no '..'"
    return rf"^{folder}/({part}/)*{part}\.(png|webp)$", rule


_TEXT = {
    "pair_id": (
        rf"^[a-z0-9][a-z0-9._-]{{0,{MAX_ID - 1}}}$",
        f"1 to {MAX_ID} of a-z 0-9 . _ -, a letter or digit first",
    ),
    "source": _WORD,
    "image_id": _NAME,
    "identity": _NAME,
    "split": (f"^({'|'.join(SPLITS)})$", " or ".join(SPLITS)),
    "occluder": _WORD,
    "variant": _WORD,
    "landmark_source": _WORD,
    "source_sha256": _HASH,
    "clean_sha256": _HASH,
    "occluded_sha256": _HASH,
    "mask_sha256": _HASH,
    "clean_path": _path("clean"),
    "occluded_path": _path("occluded"),
    "mask_path": _path("mask"),
    # of a natural set
    "kind": (f"^({'|'.join(KINDS)})$", " or ".join(KINDS)),
    "sha256": _HASH,
    "path": _path("images"),
}
_RELATIVE = (r"^/|(^|/)\.\.(/|$)", "a relative path that does not leave its root: no leading slash, no '..'")
_CONFINED = ("image_id", "clean_path", "occluded_path", "mask_path", "path")
_RANGES = {
    "index": (0, 999_999_999),
    "seed": (0, 2**63 - 1),
    "landmarks": (-1e5, 1e5),
    "crop_matrix": (-1e6, 1e6),
    "coverage": (0, 1),
    "mask_fraction": (0, 1),
    "yaw": (-360, 360),
    "pitch": (-360, 360),
    "roll": (-360, 360),
    "width": (1, MAX_SIDE),
    "height": (1, MAX_SIDE),
}


def check_footer(metadata: Any, where: str, whole: pa.Schema = SCHEMA) -> None:
    """Refuse a Parquet file that announces absurdly much data a row, before any of it is unpacked.

    Only whole row groups are asked: asking a damaged file for a single column chunk ends the process (pyarrow 26).

    Args:
        metadata: `pyarrow.parquet.FileMetaData`.
        where: the file, for the message.
        whole: the schema with all columns.

    Raises:
        InputError: names row group or column.
    """
    for column in map(metadata.schema.column, range(metadata.num_columns)):
        if column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.path.split(".")[0] in whole.names:
            raise InputError(f"{where}: {column.path} holds bytes of a fixed size, and no column of a manifest does.")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.total_byte_size > (group.num_rows + 1000) * _MAX_ROW:
            size = f"{group.total_byte_size} bytes for {group.num_rows} rows"
            raise InputError(f"{where}: row group {number} holds {size}; that is no manifest.")


def checked(batch: pa.RecordBatch, where: str, first: int, whole: pa.Schema = SCHEMA) -> pa.RecordBatch:
    """A batch brought to the types of a schema, once every value has been found to be in bounds.

    Args:
        batch: columns of a manifest, all or some.
        where: the file, for messages.
        first: number of its first row in the file.
        whole: the schema with all columns.

    Raises:
        InputError: names file, row and column, what was found and what is allowed.
    """
    schema = pa.schema([field for field in whole if field.name in batch.schema.names])
    columns = {}
    for field in schema:
        column = batch.column(field.name)
        _check_lengths(field.name, column, where, first)
        try:
            columns[field.name] = column.cast(field.type)
            columns[field.name].validate(full=True)  # text that is not UTF-8, among others
        except (pa.ArrowException, ValueError) as error:
            rows = f"rows {first} to {first + len(column) - 1}"
            raise InputError(f"{where}, {rows}: {field.name} cannot be read as {field.type}: {_short(error)}.") from None
        if not field.nullable and column.null_count:
            _refuse(where, first, field.name, pc.is_null(column), columns[field.name], "not null")
    for name, column in columns.items():
        if name in _TEXT:
            pattern, rule = _TEXT[name]
            _refuse(where, first, name, pc.invert(pc.match_substring_regex(column, pattern)), column, rule)
        if name in _CONFINED:
            _refuse(where, first, name, pc.match_substring_regex(column, _RELATIVE[0]), column, _RELATIVE[1])
        if name in _RANGES:
            low, high = _RANGES[name]
            values = numbers(column)
            inside = (values >= low) & (values <= high)  # False for NaN
            _refuse(where, first, name, ~inside, values, f"{'numbers' if values.ndim > 1 else 'a number'} from {low} to {high}")
    if {"width", "height"} <= columns.keys():
        area = numbers(columns["width"]).astype(np.int64) * numbers(columns["height"])
        _refuse(where, first, "width x height", area > MAX_PIXELS, area, f"at most {MAX_PIXELS} pixels")
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)


def numbers(column: pa.Array) -> npt.NDArray[Any]:
    """A numeric column without nulls as (rows,), a list column of fixed size as (rows, size). Nulls inside lists become NaN."""
    if not pa.types.is_fixed_size_list(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(len(column), column.type.list_size)


def _check_lengths(name: str, column: pa.Array, where: str, first: int) -> None:
    """Bound texts and lists while texts are still kept once per distinct value: a small file can repeat a huge one for ever."""
    texts = column
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        most = _MAX_WARNINGS if name == "warnings" else 1000
        _refuse(where, first, name, pc.greater(pc.list_value_length(column), most), None, f"a list of at most {most}")
        texts = column.values
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary
    if texts.type not in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        return
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    allowed = MAX_JSON if name in ("parameters", "attributes") else _MAX_TEXT
    if longest > allowed:
        rows = f"rows {first} to {first + len(column) - 1}"
        raise InputError(f"{where}, {rows}: {name} holds a text of {longest} bytes; at most {allowed} are allowed.")


def _refuse(where: str, first: int, name: str, broken: Any, values: Any, rule: str) -> None:
    wrong = np.asarray(broken, dtype=bool)
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    if len(rows):
        row = int(rows[0])
        found = "" if values is None else f", not {_short(values[row])}"
        raise InputError(f"{where}, row {first + row}: {name} must be {rule}{found}.")


def _short(value: Any) -> str:
    text = ascii(value.as_py()) if isinstance(value, pa.Scalar) else " ".join(str(value).split())
    return text if len(text) <= 120 else f"{text[:117]}..."
