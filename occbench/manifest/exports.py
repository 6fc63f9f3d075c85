"""The manifest for other programs: CSV, and `metadata.jsonl` as Hugging Face's `imagefolder` reads it. Also the rejects."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import TextIO

from occbench.atomic import replacing, writing
from occbench.errors import InputError
from occbench.manifest.reader import batches, records
from occbench.manifest.schema import SCHEMA, Reject, canonical_json, tenths

_LISTS = ("landmarks", "crop_matrix", "warnings")
_FILES = {"clean_file_name": "clean_path", "occluded_file_name": "occluded_path", "mask_file_name": "mask_path"}
_SCALARS = (
    *("pair_id", "source", "image_id", "identity", "split", "occluder", "variant", "index", "coverage", "mask_fraction"),
    *("yaw", "pitch", "roll", "width", "height", "warnings"),
)


def export_csv(manifest: Path, path: Path) -> None:
    """All columns and rows as UTF-8 CSV; landmarks, crop matrix and warnings as JSON lists, attributes empty where null.

    Raises:
        InputError: the manifest is not one.
        RunError: the file cannot be written.
    """
    with _text(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(SCHEMA.names)
        for record in records(manifest):
            record["landmarks"] = tenths(record["landmarks"]).tolist()
            table.writerow(canonical_json(record[name]) if name in _LISTS else record[name] for name in SCHEMA.names)


def export_jsonl(manifest: Path, path: Path) -> None:
    """One JSON object a row: `clean_file_name`, `occluded_file_name`, `mask_file_name`, then what is worth filtering by.

    Args:
        manifest: to read.
        path: of the file to write, in the manifest's folder: its paths are relative to that. Warnings are joined by `;`.

    Raises:
        InputError: the manifest is not one.
        RunError: the file cannot be written.
    """
    with _text(path) as stream:
        for batch in batches(manifest, [*_FILES.values(), *_SCALARS]):
            for record in batch.to_pylist():
                record["warnings"] = ";".join(record["warnings"])
                line = {name: record[column] for name, column in _FILES.items()} | {name: record[name] for name in _SCALARS}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """`rejects.csv`: source, image_id, occluder, reason, detail, in the order given. Bytes that are no UTF-8 appear as `\\udcXX`.

    Raises:
        RunError: the file cannot be written.
    """
    with _text(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(column.name for column in fields(Reject))
        table.writerows(map(astuple, rejects))


def read_rejects(path: Path) -> Iterator[Reject]:
    """The rows of a `rejects.csv`.

    Raises:
        InputError: no such file, or not what `write_rejects` writes.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            table = csv.DictReader(stream)
            for row in table:
                values = [row.get(column.name) for column in fields(Reject)]
                if None in values:
                    raise ValueError(f"line {table.line_num} has too few columns")
                yield Reject(*map(str, values))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read ({error}); mend it, or move it away.") from None


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    with (
        replacing(path) as temporary,
        writing(path),
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        yield stream
