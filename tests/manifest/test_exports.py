import csv
import json
from pathlib import Path
from typing import Any

import pytest

from occbench.errors import RunError
from occbench.manifest import MANIFEST, ManifestWriter, Reject, export_csv, export_jsonl, read, read_rejects, write_rejects
from occbench.manifest.schema import SCHEMA

FILES = {"clean_file_name", "occluded_file_name", "mask_file_name"}


def test_csv_holds_all_columns_and_rows(dataset: Path) -> None:
    export_csv(dataset / MANIFEST, dataset / "manifest.csv")
    with (dataset / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    pairs = list(read(dataset / MANIFEST))
    assert list(rows[0]) == SCHEMA.names
    assert [row["pair_id"] for row in rows] == [pair.pair_id for pair in pairs]
    assert json.loads(rows[5]["landmarks"]) == pairs[5].landmarks.ravel().tolist()
    assert json.loads(rows[5]["parameters"]) == pairs[5].parameters
    assert tuple(json.loads(rows[5]["crop_matrix"])) == pairs[5].crop_matrix
    assert json.loads(rows[5]["warnings"]) == ["upscaled"]
    assert [row["attributes"] for row in rows[:8:4]] == ["", '{"smiling":true}']


def test_csv_survives_names_with_newlines(tmp_path: Path, make_pair: Any) -> None:
    with ManifestWriter(tmp_path / MANIFEST) as writer:
        writer.write(make_pair(image_id='a\n"b",\r\nü.jpg'))
    export_csv(tmp_path / MANIFEST, tmp_path / "manifest.csv")
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        assert [row["image_id"] for row in csv.DictReader(stream)] == ['a\n"b",\r\nü.jpg']


def test_jsonl_names_files_beside_it(dataset: Path) -> None:
    export_jsonl(dataset / MANIFEST, dataset / "metadata.jsonl")
    rows = [json.loads(line) for line in (dataset / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 12
    assert {name for name in rows[0] if name.endswith("_file_name")} == FILES
    assert all((dataset / row[name]).is_file() for row in rows for name in FILES)
    assert not any(isinstance(value, (list, dict)) for row in rows for value in row.values())


def test_rejects_come_back(tmp_path: Path) -> None:
    rejects = [
        Reject("folder", 'Zoë/a\nb,\r\n"c".jpg', "", "no-face", "no face found, 2 tried"),
        Reject("folder", "=1+1.jpg", "mask", "turned-away", "yaw 80°"),
    ]
    write_rejects(tmp_path / "rejects.csv", rejects)
    assert list(read_rejects(tmp_path / "rejects.csv")) == rejects


def test_rejects_have_the_columns_of_the_contract(tmp_path: Path) -> None:
    write_rejects(tmp_path / "rejects.csv", [])
    assert (tmp_path / "rejects.csv").read_bytes() == b"source,image_id,occluder,reason,detail\n"


def test_rejects_may_have_names_that_are_no_unicode(tmp_path: Path) -> None:
    write_rejects(tmp_path / "rejects.csv", [Reject("folder", "a\udcff.jpg", "", "bad-name", "")])
    assert b"a\\udcff.jpg" in (tmp_path / "rejects.csv").read_bytes()


def test_an_export_that_fails_leaves_the_old_one(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (dataset / "manifest.csv").write_text("old")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("occbench.manifest.exports.canonical_json", fail)
    with pytest.raises(RunError, match=r"manifest\.csv: No space left"):
        export_csv(dataset / MANIFEST, dataset / "manifest.csv")
    assert (dataset / "manifest.csv").read_text() == "old"
    assert not list(dataset.glob(".*"))
