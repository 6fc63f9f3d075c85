"""Making an overlay pack of a data set: every layer is drawn again from its row, compared with what the row promises, and kept."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import resources
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, Self

import cv2
import jinja2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from occbench import registry
from occbench.atomic import writing
from occbench.errors import InputError, OccbenchError, Rejected, UsageError
from occbench.faces import SOURCES
from occbench.formats.folder import appearing
from occbench.formats.overlays import COLUMNS, TABLE
from occbench.formats.pseudonyms import Pseudonyms
from occbench.images import encode_png, pixel_sha256, write_atomic
from occbench.manifest import MANIFEST, Pair, read
from occbench.manifest.ids import pair_id
from occbench.manifest.pixels import load
from occbench.manifest.schema import SPLITS
from occbench.occluders.layer import Layer, composite
from occbench.processes import available, mapped
from occbench.synthesis.pair import render_layer

_PHOTOGRAPHS = 64  # of one task
_SORTED = 20_000  # rows that are sorted in memory at a time
_WAITING = 256  # rows that are written at a time
_FOLDER = 4000  # layers of a folder, on average
_MEASURED = ("photo", "mesh")  # parameters that hold what was measured in the photograph: its light, points of the face


def export_overlays(
    data: Path,
    out: Path,
    *,
    split: str | None = None,
    keep_names: bool = False,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda pairs: None,
) -> dict[str, Any]:
    """Write the overlay pack of a data set.

    Args:
        data: folder of the data set.
        out: folder to make; it appears whole or not at all.
        split: only this one.
        keep_names: keep image ids, identities and pair ids, which often are people's names. Without, photographs and pairs are
            named after the hash of the photograph's file, and people after the smallest such hash among theirs.
        workers: processes; default all cores. The result is the same.
        progress: called with the pairs of each task.

    Returns:
        What was made: pairs by split, layers, bytes.

    Raises:
        UsageError: `out` holds something, or there is nothing to export.
        InputError: no usable data set, or rows that this version renders otherwise or (imported pairs) not at all.
        RunError: the disk is full.
    """
    names = Pseudonyms(data / MANIFEST, split)
    if not names.pairs:
        raise UsageError(f"{data / MANIFEST} has no pairs to export{f' in the split {split!r}' if split else ''}.")
    with appearing(out) as folder:
        (folder / "layers").mkdir()
        rows = _rows(data / MANIFEST, split, names, keep_names)
        with _Sorted(folder / TABLE, names.pairs.total()) as table:
            for records in mapped(_draw, _tasks(data, folder, rows), workers or available()):
                table.extend(records)
                progress(len(records))
        summary = {
            "pairs": {name: names.pairs[name] for name in SPLITS if names.pairs[name]},
            "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
            "names": keep_names,
        }
        write_atomic(folder / "README.md", _card(summary, sorted(names.sources)).encode())
    return summary


@dataclass(frozen=True)
class _Task:
    """Rows of some photographs, with their new names and the folders of their layers."""

    data: Path
    folder: Path
    rows: tuple[tuple[Pair, dict[str, str]], ...]


def _rows(manifest: Path, split: str | None, names: Pseudonyms, keep: bool) -> Iterator[tuple[Pair, dict[str, str]]]:
    """The rows, with what becomes of their names, and the paths of their layers."""
    digits = 1
    while names.pairs.total() / 16**digits > _FOLDER:
        digits += 1
    for row in read(manifest):
        if split not in (None, row.split):
            continue
        said = {"image_id": row.image_id, "identity": row.identity, "pair_id": row.pair_id}
        if not keep:
            image_id = names.photograph(row)
            name = pair_id(row.source, image_id, row.occluder, row.index)
            said = {"image_id": image_id, "identity": names.person(row), "pair_id": name}
        # Folders by hash, not in the order of the manifest, which is that of the names.
        yield row, said | {"layer_path": f"layers/{row.source_sha256[:digits]}/{said['pair_id']}.png"}


def _tasks(data: Path, folder: Path, rows: Iterable[tuple[Pair, dict[str, str]]]) -> Iterator[_Task]:
    photographs = (tuple(group) for _, group in groupby(rows, lambda row: (row[0].source, row[0].image_id)))
    while some := tuple(chain.from_iterable(islice(photographs, _PHOTOGRAPHS))):
        yield _Task(data, folder, some)


def _draw(task: _Task) -> list[dict[str, Any]]:
    """Write the layers of a task; the rows of the table."""
    cv2.setNumThreads(1)
    for parent in {(task.folder / names["layer_path"]).parent for _, names in task.rows}:
        with writing(parent):
            parent.mkdir(exist_ok=True)
    records, clean, shown = [], None, ""
    for row, names in task.rows:
        if clean is None or row.clean_path != shown:
            clean, shown = load(task.data, row.clean_path, row.clean_sha256), row.clean_path
        layer = _layer(row)
        occluded, mask = composite(clean, layer)
        if (pixel_sha256(occluded), pixel_sha256(mask)) != (row.occluded_sha256, row.mask_sha256):
            raise InputError(f"{row.pair_id}: this version of occbench draws other pixels than its manifest promises.")
        write_atomic(task.folder / names["layer_path"], encode_png(layer.rgba, 6), fsync=False)
        parameters = {key: value for key, value in row.parameters.items() if key not in _MEASURED}
        record = replace(row, parameters=parameters).to_record() | names | {"layer_x": layer.x, "layer_y": layer.y}
        records.append({name: record[name] for name in COLUMNS.names})
    return records


def _layer(row: Pair) -> Layer:
    """The part of a row's layer that shows; without a colour where it is transparent."""
    try:
        layer = render_layer(row)
    except Rejected as rejected:
        raise InputError(f"{row.pair_id}: {rejected.detail}.") from None
    except (OccbenchError, ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
        said = error if isinstance(error, OccbenchError) else repr(error)[:300]
        raise InputError(
            f"{row.pair_id} cannot be drawn from its row, so it has no layer (imported pairs have none): {said}"
        ) from None
    left, top = max(0, -layer.x), max(0, -layer.y)
    rgba = layer.rgba[top : max(0, row.height - layer.y), left : max(0, row.width - layer.x)]
    ys, xs = np.nonzero(rgba[..., 3])
    if not len(ys):
        raise InputError(f"{row.pair_id}: its layer shows nowhere in the frame.")
    y, x = int(ys.min()), int(xs.min())
    rgba = rgba[y : ys.max() + 1, x : xs.max() + 1].copy()
    rgba[rgba[..., 3] == 0] = 0
    return Layer(rgba, layer.x + left + x, layer.y + top + y)


class _Sorted:
    """Writes the rows of a table sorted by photograph, in memory that does not grow with them: by way of files of neighbours."""

    def __init__(self, path: Path, rows: int) -> None:
        self._path = path
        self._waiting: list[list[dict[str, Any]]] = [[] for _ in range(1 + rows // _SORTED)]
        self._files = [path.with_name(f".{number}.tmp") for number in range(len(self._waiting))]

    def __enter__(self) -> Self:
        with writing(self._path), ExitStack() as stack:
            self._writers = [stack.enter_context(pq.ParquetWriter(file, COLUMNS)) for file in self._files]
            self._stack = stack.pop_all()
        return self

    def extend(self, records: Iterable[dict[str, Any]]) -> None:
        """Add rows."""
        for record in records:
            number = int(record["source_sha256"][:8], 16) * len(self._files) >> 32
            self._waiting[number].append(record)
            if len(self._waiting[number]) == _WAITING:
                self._flush(number)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with writing(self._path):
            if kind is None:
                for number in range(len(self._files)):
                    self._flush(number)
            self._stack.close()
            if kind is None:
                self._join()

    def _flush(self, number: int) -> None:
        with writing(self._path):
            self._writers[number].write_batch(pa.RecordBatch.from_pylist(self._waiting[number], COLUMNS))
        self._waiting[number].clear()

    def _join(self) -> None:
        options: dict[str, Any] = {"compression": "zstd", "compression_level": 3, "write_page_checksum": True}
        with pq.ParquetWriter(self._path, COLUMNS, **options) as writer:
            for file in self._files:
                table = pq.read_table(file, schema=COLUMNS)
                order = pc.sort_indices(table, [(name, "ascending") for name in ("source_sha256", "image_id", "pair_id")])
                writer.write_table(table.take(order), row_group_size=4096)
                file.unlink()


def _card(summary: Mapping[str, Any], sources: Sequence[str]) -> str:
    """`README.md` of the pack."""
    template = jinja2.Template(
        (resources.files("occbench.formats") / "overlays.md.j2").read_text(encoding="utf-8"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    text: str = template.render(summary, table=TABLE, terms={name: _licence(name) for name in sources})
    return text


def _licence(source: str) -> str:
    try:
        return str(registry.load("sources", SOURCES, source).licence)
    except UsageError:  # of a package that is not installed here
        return "unknown here; ask whoever made the data set."
