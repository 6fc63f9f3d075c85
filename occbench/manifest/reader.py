"""Reading a manifest that anybody may have written: streamed, checked, in memory that grows with a row group at most."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from occbench.errors import InputError
from occbench.manifest.checks import check_footer, checked, numbers
from occbench.manifest.schema import SCHEMA, SCHEMA_VERSION, Pair

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
    with _opened(path, path) as file:
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
        try:
            yield Pair.from_record(record)
        except ValueError as error:
            raise InputError(f"{path}, row {row}: {error}.") from None


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The rows as `Pair.to_record` gives them, but that JSON is not looked into, and landmarks are (136,) float32.

    Raises:
        InputError: as `read`.
    """
    check_unique(path, path)
    for batch in batches(path):
        vectors = {name: numbers(batch.column(name)) for name in ("landmarks", "crop_matrix")}
        rest = batch.drop_columns(list(vectors)).to_pylist()
        for record, landmarks, matrix in zip(rest, vectors["landmarks"], vectors["crop_matrix"].tolist(), strict=True):
            yield {**record, "landmarks": landmarks, "crop_matrix": matrix}


def batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Some columns, or all, as checked Arrow batches in `SCHEMA`'s order; much faster than `read`. JSON is not looked into.

    Raises:
        InputError: as `read`, but pair ids may repeat.
    """
    with _opened(path, path) as file:
        yield from _batches(file, path, columns)


def check_unique(path: Path, called: Path) -> None:
    """Refuse a manifest in which a pair id comes twice. Needs about 24 bytes of memory a row.

    Args:
        path: of the manifest.
        called: what messages call it.

    Raises:
        InputError: names the pair id and its second row; or as `read` for the ids themselves.
    """
    with _opened(path, called) as file:
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
    for batch in _batches(file, called, ["pair_id"]):
        yield batch.column("pair_id").to_pylist()


def _batches(file: pq.ParquetFile, called: Path, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    stream = file.iter_batches(batch_size=_BATCH, columns=SCHEMA.names if columns is None else list(columns), use_threads=False)
    first = 0
    while True:
        with _unreadable(f"{called}, from row {first} on"):
            batch = next(stream, None)
        if batch is None:
            break
        yield checked(batch, str(called), first)
        first += batch.num_rows
    if first != file.metadata.num_rows:
        raise InputError(f"{called}: damaged, for it announces {file.metadata.num_rows} rows and holds {first}.")


@contextmanager
def _opened(path: Path, called: Path) -> Iterator[pq.ParquetFile]:
    """The Parquet file, once it is known to have a manifest's columns, version and sizes."""
    if not path.is_file():
        raise InputError(f"{called}: {'not a file' if path.exists() else 'no such file'}; a manifest.parquet is needed here.")
    with ExitStack() as stack:
        with _unreadable(str(called)):
            footer = pq.read_metadata(path)
            check_footer(footer, str(called))
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
        missing = [name for name in SCHEMA.names if names.count(name) != 1]
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
