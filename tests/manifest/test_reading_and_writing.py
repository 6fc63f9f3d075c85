import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import occbench
from occbench.errors import InputError, RunError
from occbench.manifest import MANIFEST, ManifestWriter, Pair, batches, count, facts, read
from occbench.manifest.schema import SCHEMA, to_batch


def write(path: Path, rows: list[Pair]) -> Path:
    with ManifestWriter(path, seed=7, recipe_fingerprint="f" * 64) as writer:
        for row in rows:
            writer.write(row)
    return path


@pytest.fixture
def tampered(tmp_path: Path, make_pair: Any) -> Callable[..., Path]:
    """`tampered(column=value)`: a manifest of five rows that somebody else wrote, with this value in row 3."""

    def tamper(**changes: Any) -> Path:
        records = [make_pair(number).to_record() for number in range(5)]
        records[3].update(changes)
        loose = pa.schema([pa.field(f.name, pa.list_(pa.float64()) if f.name == "landmarks" else f.type) for f in SCHEMA])
        pq.write_table(pa.Table.from_pylist(records, loose), tmp_path / MANIFEST)
        return tmp_path / MANIFEST

    return tamper


def test_rows_come_back_in_order(tmp_path: Path, make_pair: Any) -> None:
    rows = [make_pair(number) for number in (5, 1, 4, 0)]
    assert list(read(write(tmp_path / MANIFEST, rows))) == rows


@pytest.mark.parametrize("size", [1, 5, 700])
def test_row_groups_of_any_size(tmp_path: Path, make_pair: Any, size: int) -> None:
    rows = [make_pair(number, warnings=("upscaled",) * (number % 3)) for number in range(1200)]
    pq.write_table(pa.Table.from_batches([to_batch(rows)]), tmp_path / MANIFEST, row_group_size=size)
    assert list(read(tmp_path / MANIFEST)) == rows


def test_many_row_groups(tmp_path: Path, make_pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occbench.manifest.writer.ROW_GROUP", 10)
    monkeypatch.setattr("occbench.manifest.reader._BATCH", 4)
    rows = [make_pair(number) for number in range(25)]
    path = write(tmp_path / MANIFEST, rows)
    assert list(read(path)) == rows
    assert pq.ParquetFile(path).num_row_groups == 3


def test_same_rows_same_bytes(tmp_path: Path, make_pair: Any) -> None:
    one, other = (write(tmp_path / name, [make_pair(n) for n in range(9)]) for name in ("a.parquet", "b.parquet"))
    assert one.read_bytes() == other.read_bytes()


def test_column_types_on_disk(tmp_path: Path, make_pair: Any) -> None:
    assert pq.read_schema(write(tmp_path / MANIFEST, [make_pair()])).remove_metadata() == SCHEMA


def test_facts(tmp_path: Path, make_pair: Any) -> None:
    path = write(tmp_path / MANIFEST, [make_pair(), make_pair(1)])
    said = facts(path)
    assert (said.rows, said.seed, said.recipe_fingerprint, said.version) == (2, "7", "f" * 64, occbench.__version__)
    assert count(path) == 2


def test_an_empty_manifest_can_be_read(tmp_path: Path) -> None:
    assert list(read(write(tmp_path / MANIFEST, []))) == []


def test_some_columns_only(tmp_path: Path, make_pair: Any) -> None:
    (batch,) = batches(write(tmp_path / MANIFEST, [make_pair(), make_pair(1)]), ["split", "pair_id"])
    assert batch.column("pair_id").to_pylist() == [make_pair(number).pair_id for number in (0, 1)]
    assert batch.num_columns == 2


def test_nothing_appears_before_the_end(tmp_path: Path, make_pair: Any) -> None:
    path = tmp_path / MANIFEST
    path.write_bytes(b"old")
    with pytest.raises(AttributeError), ManifestWriter(path) as writer:
        writer.write(None)  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == [MANIFEST]


def test_missing_folder_is_an_error_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Cannot write"), ManifestWriter(tmp_path / "no" / MANIFEST):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_full_disk_is_an_error_of_the_run(tmp_path: Path, make_pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "with_name", lambda self, name: Path("/dev/full"))
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok: None)
    with pytest.raises(RunError, match=r"Cannot write .*manifest\.parquet: "), ManifestWriter(tmp_path / MANIFEST) as writer:
        writer.write(make_pair())


@pytest.mark.parametrize("changes", [{"clean_path": "../x.png"}, {"parameters": {"x": float("nan")}}, {"width": 0}], ids=str)
def test_what_could_not_be_read_is_not_written(tmp_path: Path, make_pair: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError), ManifestWriter(tmp_path / MANIFEST) as writer:
        writer.write(make_pair(**changes))
    assert list(tmp_path.iterdir()) == []


def test_a_pair_id_cannot_be_written_twice(tmp_path: Path, make_pair: Any) -> None:
    with pytest.raises(InputError, match="second time"):
        write(tmp_path / MANIFEST, [make_pair(1), make_pair(1)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((path, value) for path in ("clean_path", "occluded_path", "mask_path") for value in ("/etc/passwd.png", "../x.png", "")),
        ("clean_path", "clean/../../x.png"),
        ("clean_path", "clean/../occluded/x.png"),
        ("clean_path", "C:/clean/x.png"),
        ("clean_path", "clean/C:x.png"),
        ("clean_path", "clean\\x.png"),
        ("clean_path", "clean/x\0.png"),
        ("clean_path", "clean/x\n.png"),
        ("clean_path", "clean//x.png"),
        ("clean_path", "clean/"),
        ("clean_path", "recipe.yaml"),
        ("clean_path", "clean/x.jpg"),
        ("clean_path", f"clean/{'x' * 5000}.png"),
        ("mask_path", "clean/x.png"),
        ("image_id", "../x.jpg"),
        ("image_id", "/x.jpg"),
        ("image_id", "a/../../x.jpg"),
        ("image_id", "a\0"),
        ("image_id", ""),
        ("image_id", None),
        ("pair_id", "Upper"),
        ("pair_id", "../x"),
        ("pair_id", "x" * 151),
        ("split", "dev"),
        ("occluder", "mask\x1b[2J"),
        ("index", -1),
        ("seed", -1),
        ("parameters", "x" * 70_000),
        ("parameters", "[1]"),
        ("parameters", '{"x":NaN}'),
        ("parameters", None),
        ("attributes", "not json"),
        ("landmarks", [float("nan")] * 136),
        ("landmarks", [float("inf")] * 136),
        ("landmarks", [1e30] * 136),
        ("landmarks", [None] * 136),
        ("landmarks", None),
        ("landmarks", [1.0] * 134),
        ("landmarks", [1.0] * 2000),
        ("crop_matrix", [float("nan")] * 6),
        ("coverage", 1.5),
        ("mask_fraction", float("nan")),
        ("yaw", float("inf")),
        ("width", 0),
        ("width", 40_000),
        ("height", -5),
        ("clean_sha256", "A" * 64),
        ("mask_sha256", "a" * 63),
        ("warnings", ["x"] * 65),
        ("warnings", ["x" * 5000]),
        ("warnings", None),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_values_of_others_are_refused(tampered: Callable[..., Path], column: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"manifest\.parquet, rows? (3|0 to 4).*{column}"):
        list(read(tampered(**{column: value})))


def test_too_many_pixels_are_refused(tampered: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"row 3: width x height must be at most"):
        list(read(tampered(width=30_000, height=30_000)))


def test_duplicates_are_refused_before_the_first_row(tampered: Callable[..., Path], make_pair: Any) -> None:
    with pytest.raises(InputError, match=r"row 3: the pair id \S+ comes for the second time"):
        next(read(tampered(pair_id=make_pair(1).pair_id)))


def test_equal_hashes_are_no_duplicates(tmp_path: Path, make_pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occbench.manifest.reader.hash", lambda name: 5, raising=False)
    assert len(list(read(write(tmp_path / MANIFEST, [make_pair(number) for number in range(3)])))) == 3


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + bytes(100) + b"PAR1"], ids=repr)
def test_a_file_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(InputError, match=r"manifest\.parquet: not readable as Parquet"):
        count(tmp_path / MANIFEST)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.parquet: no such file"):
        list(read(tmp_path / MANIFEST))


def test_a_folder_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a file"):
        list(read(tmp_path))


def test_a_cut_off_manifest(tmp_path: Path, make_pair: Any) -> None:
    path = write(tmp_path / MANIFEST, [make_pair()])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not readable as Parquet"):
        list(read(path))


def test_one_rotten_bit_is_noticed(tmp_path: Path, make_pair: Any) -> None:
    path = write(tmp_path / MANIFEST, [make_pair()])
    column = pq.ParquetFile(path).metadata.row_group(0).column(SCHEMA.names.index("identity"))
    data = bytearray(path.read_bytes())
    data[column.dictionary_page_offset + column.total_compressed_size - 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        list(read(path))


def test_damage_anywhere_is_an_error_and_never_a_crash(tmp_path: Path, make_pair: Any) -> None:
    sound = write(tmp_path / MANIFEST, [make_pair(number) for number in range(3)]).read_bytes()
    rng = np.random.default_rng(5)
    for _ in range(200):
        damaged = bytearray(sound)
        damaged[int(rng.integers(len(sound)))] = int(rng.integers(256))
        (tmp_path / MANIFEST).write_bytes(damaged)
        with suppress(InputError):  # or read well, where only statistics were hit
            assert len(list(read(tmp_path / MANIFEST))) == 3


def test_missing_columns_are_named(tmp_path: Path, make_pair: Any) -> None:
    table = pa.Table.from_batches([to_batch([make_pair()])]).drop_columns(["yaw", "warnings"])
    pq.write_table(table, tmp_path / MANIFEST)
    with pytest.raises(InputError, match="columns yaw, warnings"):
        list(read(tmp_path / MANIFEST))


def test_columns_of_a_wrong_type_are_named(tmp_path: Path, make_pair: Any) -> None:
    table = pa.Table.from_batches([to_batch([make_pair()])])
    table = table.set_column(table.column_names.index("width"), "width", pa.array(["wide"]))
    pq.write_table(table, tmp_path / MANIFEST)
    with pytest.raises(InputError, match=r"rows 0 to 0: width cannot be read as int32"):
        list(read(tmp_path / MANIFEST))


def test_a_newer_version_is_refused(tmp_path: Path, make_pair: Any) -> None:
    table = pa.Table.from_batches([to_batch([make_pair()])]).replace_schema_metadata({"occbench.schema": "2"})
    pq.write_table(table, tmp_path / MANIFEST)
    with pytest.raises(InputError, match="version '2'"):
        list(read(tmp_path / MANIFEST))


def test_other_writers_and_more_columns_are_welcome(tmp_path: Path, make_pair: Any) -> None:
    """What pandas writes: large strings, lists of any length, 64-bit integers, more columns, in another order."""
    rows = [make_pair(number) for number in range(3)]
    plain = pa.Table.from_pylist([{"extra": 1, **row.to_record()} for row in reversed(rows)])
    pq.write_table(plain.select(plain.column_names[::-1]), tmp_path / MANIFEST, compression="gzip")
    assert list(read(tmp_path / MANIFEST)) == rows[::-1]


def test_a_small_file_with_a_huge_text_stays_small_in_memory(tmp_path: Path, make_pair: Any) -> None:
    """Two kilobytes that would unpack to 30 GB: one text of 30 MB, said once, meant a thousand times."""
    table = pa.Table.from_batches([to_batch([make_pair(number) for number in range(1000)])])
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array(["x" * 30_000_000]))
    at = table.column_names.index("parameters")
    options = {"compression": "zstd", "dictionary_pagesize_limit": 1 << 30, "store_schema": False}
    pq.write_table(table.set_column(at, "parameters", bomb), tmp_path / MANIFEST, **options)
    del table, bomb
    before = pa.default_memory_pool().bytes_allocated()
    with pytest.raises(InputError, match="parameters holds a text of 30000000 bytes"):
        list(read(tmp_path / MANIFEST))
    assert pa.default_memory_pool().max_memory() - before < 500_000_000


def test_messages_fit_a_line(tampered: Callable[..., Path]) -> None:
    with pytest.raises(InputError) as caught:
        list(read(tampered(clean_path="x\n" * 2000)))
    assert re.fullmatch(r"[ -~]{1,400}", str(caught.value).rpartition("/")[2])
