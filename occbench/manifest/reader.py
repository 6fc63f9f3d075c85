"""Reading a manifest that anybody may have written: streamed, checked, in memory that grows with a row group at most."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from occbench.errors import InputError
from occbench.manifest.checks import check_footer, checked, numbers
from occbench.manifest.schema import NATURAL, SCHEMA, SCHEMA_VERSION, Pair

_BATCH = 1024


@dataclass(frozen=True)
class Facts:
    """What a manifest says about itself.

    Attributes:
        rows: how many pairs.
        seed: of the run, or empty where it is not said; likewise the next two.
        recipe_fingerprint: of the recipe that made it.
        version: of the occbench that wrote it.
    """

    rows: int
    seed: str
    recipe_fingerprint: str
    version: str


def facts(path: Path) -> Facts:
    """What a manifest says about itself. Reads the end of the file only.

    Raises:
        InputError: no such file, or no manifest.
    """
    with opened(path, path) as file:
        said = _said(file)
        return Facts(file.metadata.num_rows, said.get("seed", ""), said.get("recipe", ""), said.get("version", ""))


def count(path: Path) -> int:
    """The number of rows; raises as `facts` does."""
    return facts(path).rows


def read(path: Path) -> Iterator[Pair]:
    """The rows, in the order of the file. That no pair id comes twice is checked before the first row.

    Raises:
        InputError: no such file, no manifest, a missing column, or a value out of bounds; names file, row (from 0) and column.
    """
    for row, record in enumerate(records(path)):
        yield _pair(record, path, row)


def rows_at(path: Path, numbers: Collection[int]) -> Iterator[Pair]:
    """Some rows, by number from 0, in the order of the file; the others are read, and not looked into.

    Raises:
        InputError: as `read`.
    """
    first = 0
    for batch in batches(path):
        chosen = [number for number in range(batch.num_rows) if first + number in numbers]
        for number, record in zip(chosen, _records(batch.take(chosen)) if chosen else (), strict=True):
            yield _pair(record, path, first + number)
        first += batch.num_rows


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The rows as `Pair.to_record` gives them, but that JSON is not looked into, and landmarks are (136,) float32.

    Raises:
        InputError: as `read`.
    """
    check_unique(path, path)
    for batch in batches(path):
        yield from _records(batch)


def batches(path: Path, columns: Sequence[str] | None = None, schema: pa.Schema = SCHEMA) -> Iterator[pa.RecordBatch]:
    """Some columns, or all, as checked Arrow batches in the schema's order; much faster than `read`. JSON is not looked into.

    Raises:
        InputError: as `read`, but pair ids may repeat.
    """
    with opened(path, path, schema) as file:
        yield from checked_batches(file, path, columns, schema)


def _records(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    vectors = {name: numbers(batch.column(name)) for name in ("landmarks", "crop_matrix")}
    rest = batch.drop_columns(list(vectors)).to_pylist()
    for record, landmarks, matrix in zip(rest, vectors["landmarks"], vectors["crop_matrix"].tolist(), strict=True):
        yield {**record, "landmarks": landmarks, "crop_matrix": matrix}


def _pair(record: dict[str, Any], path: Path, row: int) -> Pair:
    try:
        return Pair.from_record(record)
    except ValueError as error:
        raise InputError(f"{path}, row {row}: {error}.") from None


def check_unique(path: Path, called: Path) -> None:
    """Refuse a manifest in which a pair id comes twice. Needs about 24 bytes of memory a row.

    Args:
        path: of the manifest.
        called: what messages call it.

    Raises:
        InputError: names the pair id and its second row; or as `read` for the ids themselves.
    """
    with opened(path, called) as file:
        hashes = [np.fromiter(map(hash, ids), np.int64, len(ids)) for ids in _ids(file, called)]
        ordered = np.sort(np.concatenate([*hashes, np.empty(0, np.int64)]))
        suspects = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
        if not suspects:
            return
        seen: set[str] = set()
        row = 0
        for ids in _ids(file, called):
            for name in ids:
                if name in seen:
                    raise InputError(f"{called}, row {row}: the pair id {name} comes for the second time; each pair needs its own.")
                if hash(name) in suspects:
                    seen.add(name)
                row += 1


def _ids(file: pq.ParquetFile, called: Path) -> Iterator[list[str]]:
    for batch in checked_batches(file, called, ["pair_id"]):
        yield batch.column("pair_id").to_pylist()


def checked_batches(
    file: pq.ParquetFile, called: Path, columns: Sequence[str] | None, schema: pa.Schema = SCHEMA
) -> Iterator[pa.RecordBatch]:
    """Columns of an opened table, or all that its schema has, checked; raises as `batches`."""
    names = schema.names if columns is None else list(columns)
    # Group by group: pyarrow cannot read lists of texts across the border of two.
    stream = chain.from_iterable(
        file.iter_batches(batch_size=_BATCH, row_groups=[group], columns=names, use_threads=False)
        for group in range(file.metadata.num_row_groups)
    )
    first = 0
    while True:
        with _unreadable(f"{called}, from row {first} on"):
            batch = next(stream, None)
        if batch is None:
            break
        yield checked(batch, str(called), first, schema)
        first += batch.num_rows
    if first != file.metadata.num_rows:
        raise InputError(f"{called}: damaged, for it announces {file.metadata.num_rows} rows and holds {first}.")


@contextmanager
def opened(path: Path, called: Path, schema: pa.Schema = SCHEMA) -> Iterator[pq.ParquetFile]:
    """The Parquet file, once it is known to have a manifest's columns, version and sizes."""
    if not path.is_file():
        if (called.parent / NATURAL).is_file() and schema is SCHEMA:
            raise InputError(f"{called.parent} is a natural set: photographs without truth, and no pairs, which are needed here.")
        raise InputError(f"{called}: {'not a file' if path.exists() else 'no such file'}; a manifest.parquet is needed here.")
    with ExitStack() as stack:
        with _unreadable(str(called)):
            footer = pq.read_metadata(path)
            check_footer(footer, str(called), schema)
            columns = [footer.schema.column(number) for number in range(footer.num_columns)]
            texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
            # Texts come once per distinct value, so that they can be bounded; row groups come in pieces; rotten bits are noticed.
            file = stack.enter_context(
                pq.ParquetFile(
                    path,
                    metadata=footer,
                    read_dictionary=texts,
                    pre_buffer=False,
                    buffer_size=1 << 18,
                    page_checksum_verification=True,
                )
            )
            names = file.schema_arrow.names
        missing = [name for name in schema.names if names.count(name) != 1]
        if missing:
            raise InputError(f"{called}: no manifest, for it lacks (or repeats) the columns {', '.join(missing)}.")
        version = _said(file).get("schema", str(SCHEMA_VERSION))
        if version != str(SCHEMA_VERSION):
            raise InputError(f"{called}: manifest version {version[:20]!r}; this occbench reads {SCHEMA_VERSION}: upgrade it.")
        yield file


def _said(file: pq.ParquetFile) -> dict[str, str]:
    prefix = b"occbench."
    stored: dict[bytes, bytes] = file.metadata.metadata or {}
    return {
        key.removeprefix(prefix).decode(errors="replace"): value.decode(errors="replace")
        for key, value in stored.items()
        if key.startswith(prefix)
    }


@contextmanager
def _unreadable(where: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{where}: not readable as Parquet, so damaged or no manifest: {reason}") from None
