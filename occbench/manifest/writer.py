"""Writing a manifest row by row, in memory that does not grow with it."""

from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

import occbench
from occbench.atomic import replacing, writing
from occbench.errors import InputError
from occbench.manifest.checks import checked
from occbench.manifest.reader import check_unique
from occbench.manifest.schema import SCHEMA, SCHEMA_VERSION, Pair, to_batch

ROW_GROUP = 4096


class ManifestWriter:
    """Writes `Pair` rows to a Parquet file that appears when the block ends without an error, and not before.

    The same rows give the same bytes (with one version of pyarrow). Rows must be what a reader accepts.

        with ManifestWriter(path, seed=0, recipe_fingerprint=recipe.fingerprint()) as writer:
            writer.write(pair)

    Args:
        path: of the manifest.
        seed: of the run, for the file's own metadata.
        recipe_fingerprint: of the recipe that made the rows, likewise; empty where unknown.
        level: of zstd's compression, 1 to 22: smaller and slower.
    """

    def __init__(self, path: Path, *, seed: int | None = None, recipe_fingerprint: str = "", level: int = 3) -> None:
        self._path, self._level = path, level
        self._schema = SCHEMA.with_metadata(
            {
                "occbench.schema": str(SCHEMA_VERSION),
                "occbench.version": occbench.__version__,
                "occbench.seed": "" if seed is None else str(seed),
                "occbench.recipe": recipe_fingerprint,
            }
        )
        self._rows: list[Pair] = []
        self._tables: list[pa.Table] = []  # rows before those
        self.count = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self._path))
            with writing(self._path):
                self._writer = pq.ParquetWriter(
                    temporary, self._schema, compression="zstd", compression_level=self._level, write_page_checksum=True
                )
            stack.push(lambda kind, *_: self._close(temporary, failed=kind is not None))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, pair: Pair) -> None:
        """Add one row.

        Raises:
            InputError: a value that no reader would accept; names row and column. Also when the block ends.
            RunError: the disk is full.
        """
        self._rows.append(pair)
        self.count += 1
        if len(self._rows) + self._held == ROW_GROUP:
            self._flush()

    def extend(self, batch: pa.RecordBatch) -> None:
        """Add rows as `batches` reads them: what `write` would do with each, but quickly.

        Raises:
            As `write`.
        """
        table = pa.Table.from_batches([batch]).cast(SCHEMA)
        while table.num_rows:
            self._settle()
            part = table.slice(0, ROW_GROUP - self._held)
            table = table.slice(part.num_rows)
            self._tables.append(part)
            self.count += part.num_rows
            if self._held == ROW_GROUP:
                self._flush()

    @property
    def _held(self) -> int:
        """Rows in tables that are not written yet."""
        return sum(table.num_rows for table in self._tables)

    def _settle(self) -> None:
        """Make a table of the rows."""
        if self._rows:
            first = self.count - len(self._rows)
            try:
                self._tables.append(pa.Table.from_batches([to_batch(self._rows)]))
            except (ValueError, TypeError, pa.ArrowException) as error:
                raise InputError(f"{self._path}, rows {first} to {self.count - 1}: {error}") from error
            self._rows.clear()

    def _flush(self) -> None:
        """Write a row group."""
        self._settle()
        for batch in pa.concat_tables(self._tables).combine_chunks().to_batches():
            with writing(self._path):
                self._writer.write_batch(checked(batch, str(self._path), self.count - batch.num_rows))
        self._tables.clear()

    def _close(self, temporary: Path, failed: bool) -> None:
        if failed:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            return
        try:
            if self._rows or self._tables:
                self._flush()
        finally:
            with writing(self._path):
                self._writer.close()
        check_unique(temporary, self._path)
