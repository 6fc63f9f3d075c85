import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from occbench.manifest import MANIFEST, ManifestWriter, Reject, write_rejects

Run = Callable[..., Result]


def test_tables(occbench: Run, data: Path) -> None:
    result = occbench("stats", data)
    assert result.exit_code == 0
    assert "images of 64 × 64 pixels" in result.stdout
    assert "\nSplits\n  split  people  photographs  pairs\n" in result.stdout
    assert "black-box" in result.stdout
    assert "Rejects" not in result.stdout


def test_json_is_one_document(occbench: Run, data: Path) -> None:
    document = json.loads(occbench("stats", data, "--json").stdout)
    assert (document["pairs"], document["photographs"], document["people"]) == (80, 40, 20)
    assert document["rejects"] == []
    assert sum(document["coverage"]["black-box"]["pairs"]) == 80


def test_the_picture(occbench: Run, data: Path, tmp_path: Path) -> None:
    assert occbench("stats", data, "--out", tmp_path / "a.png").exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_rejects_and_overlaps_are_told(occbench: Run, data: Path, tmp_path: Path) -> None:
    from occbench.manifest import read

    rows = list(read(data / MANIFEST))
    rows[0] = type(rows[0])(**{name: getattr(rows[0], name) for name in rows[0].__slots__} | {"split": "val"})
    with ManifestWriter(tmp_path / MANIFEST) as writer:
        for row in rows:
            writer.write(row)
    write_rejects(tmp_path / "rejects.csv", [Reject("lfw", "a", "", "no-face", "x")])
    said = occbench("stats", tmp_path).stdout
    assert "more than one split" in said
    assert "(the whole photograph)  no-face" in said


def test_nothing_to_draw(occbench: Run, tmp_path: Path) -> None:
    with ManifestWriter(tmp_path / MANIFEST):
        pass
    assert occbench("stats", tmp_path).exit_code == 0
    result = occbench("stats", tmp_path, "--out", tmp_path / "a.png")
    assert result.exit_code == 2
    assert "nothing to draw" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["/no/such/folder"]], ids=str)
def test_wrong_usage(occbench: Run, arguments: list[str]) -> None:
    assert occbench("stats", *arguments).exit_code == 2


def test_no_manifest(occbench: Run, tmp_path: Path) -> None:
    result = occbench("stats", tmp_path)
    assert result.exit_code == 2
    assert MANIFEST in result.stderr
