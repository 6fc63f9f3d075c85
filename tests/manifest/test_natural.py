"""The manifest of natural sets: back as it was, and distrusted."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from occbench.errors import InputError
from occbench.manifest.natural import NATURAL, NATURAL_SCHEMA, Sight, natural_batches, read_natural, write_natural


def sight(number: int = 0, **changes: Any) -> Sight:
    values: dict[str, Any] = {
        "image_id": f"masked/{number}.jpg",
        "source": "rof",
        "identity": f"person {number}",
        "split": "train",
        "kind": "masked",
        "landmarks": np.arange(136).reshape(68, 2) / 10 + number,
        "landmark_source": "test 1",
        "crop_matrix": (0.5, -0.125, 3.000001, 0.125, 0.5, -7.0),
        "yaw": -12.5,
        "pitch": 3.0,
        "roll": 0.0,
        "attributes": {"list": "größe"} if number % 2 else None,
        "source_sha256": "a" * 64,
        "sha256": "b" * 64,
        "path": f"images/0000/{number}.png",
        "width": 32,
        "height": 32,
        "warnings": ("upscaled",),
    }
    return Sight(**{**values, **changes})


def tampered(folder: Path, **changes: Any) -> Path:
    records = [sight(number).to_record() for number in range(4)]
    records[2].update(changes)
    loose = pa.schema([pa.field(f.name, pa.list_(pa.float64()) if f.name == "landmarks" else f.type) for f in NATURAL_SCHEMA])
    pq.write_table(pa.Table.from_pylist(records, loose), folder / NATURAL)
    return folder / NATURAL


def test_rows_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occbench.manifest.natural._ROW_GROUP", 3)
    monkeypatch.setattr("occbench.manifest.reader._BATCH", 3)
    rows = [sight(number) for number in range(8)]
    assert write_natural(tmp_path / NATURAL, rows) == 8
    assert list(read_natural(tmp_path / NATURAL)) == rows


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_natural(tmp_path / name, (sight(number) for number in range(5)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_appears_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"row 1: kind must be masked or"):
        write_natural(tmp_path / NATURAL, [sight(), sight(1, kind="funny")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("path", "images/../../etc/passwd.png"),
        ("path", "/images/1.png"),
        ("path", "clean/1.png"),
        ("path", "images/1.exe"),
        ("image_id", "../1.jpg"),
        ("kind", "hat"),
        ("split", "training"),
        ("sha256", "xyz"),
        ("landmarks", [float("nan")] * 136),
        ("landmarks", [1.0] * 12),
        ("width", 10**6),
        ("attributes", "[1]"),
        ("attributes", '{"a": NaN}'),
        ("identity", ""),
        ("path", "images/0000/0.png"),
    ],
)
def test_a_value_out_of_bounds_is_named(tmp_path: Path, column: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"row.*{column}"):
        list(read_natural(tampered(tmp_path, **{column: value})))


def test_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(read_natural(tmp_path / NATURAL))
    (tmp_path / NATURAL).write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not readable as Parquet"):
        list(read_natural(tmp_path / NATURAL))
    pq.write_table(pa.table({"path": ["x"]}), tmp_path / NATURAL)
    with pytest.raises(InputError, match="lacks"):
        list(natural_batches(tmp_path / NATURAL, ["path"]))
