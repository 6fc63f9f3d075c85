import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from occbench.manifest import MANIFEST, ManifestWriter, read

Run = Callable[..., Result]


@pytest.fixture
def changed(data: Path, tmp_path: Path) -> Callable[..., Path]:
    """`changed(name, key=value)`: a copy of the small data set in which all pairs of the first photograph say something else."""

    def changed(name: str = "copy", **values: str) -> Path:
        folder = Path(shutil.copytree(data, tmp_path / name))
        rows = list(read(folder / MANIFEST))
        with ManifestWriter(folder / MANIFEST) as writer:
            for row in rows:
                new = values if row.image_id == rows[0].image_id else {}
                writer.write(type(row)(**{key: getattr(row, key) for key in row.__slots__} | new))
        return folder

    return changed


def test_a_sound_data_set(occbench: Run, data: Path) -> None:
    result = occbench("audit", data, "--workers", "1")
    assert result.exit_code == 0
    assert result.stdout == "40 photographs of 20 people: no leaks across splits.\n"


def test_a_leak_has_its_own_exit_code(occbench: Run, changed: Callable[..., Path]) -> None:
    folder = changed(split="val")
    result = occbench("audit", folder, "--workers", "1")
    assert result.exit_code == 4
    assert "1 leaks across splits" in result.stdout
    assert "leak: the same identity of the same source, in two splits\n  val    lfw/" in result.stdout


def test_a_leak_across_data_sets(occbench: Run, data: Path, changed: Callable[..., Path]) -> None:
    result = occbench("audit", data, changed(split="val"), "--workers", "1")
    assert result.exit_code == 4
    assert "the same photograph, byte for byte" in result.stdout


def test_another_name_alone_is_a_note(occbench: Run, data: Path, changed: Callable[..., Path]) -> None:
    result = occbench("audit", data, changed(identity="Somebody_Else"), "--workers", "1")
    assert result.exit_code == 0
    assert "note: the same photograph, byte for byte (source_sha256), under two identities of one source" in result.stdout


def test_json_is_one_document(occbench: Run, changed: Callable[..., Path]) -> None:
    result = occbench("audit", changed(split="val"), "--workers", "1", "--json")
    document = json.loads(result.stdout)
    assert document["leaks"] == document["counts"]["identity"]["splits"] == 1
    assert document["findings"][0]["photographs"][0]["split"] == "val"


def test_names_cannot_control_the_terminal(occbench: Run, data: Path, changed: Callable[..., Path]) -> None:
    assert "lfw/\\x1b[2J" in occbench("audit", data, changed(identity="\x1b[2J"), "--workers", "1").stdout


def test_few_of_many_are_shown(occbench: Run, data: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(data, tmp_path / "copy"))
    rows = list(read(folder / MANIFEST))
    with ManifestWriter(folder / MANIFEST) as writer:
        for row in rows:
            writer.write(type(row)(**{key: getattr(row, key) for key in row.__slots__} | {"identity": f"{row.identity} II"}))
    said = occbench("audit", data, folder, "--workers", "1").stdout
    assert said.count("note: ") == 20
    assert "… and 20 more findings" in said


@pytest.mark.parametrize("arguments", [[], ["/no/such/folder"]], ids=str)
def test_wrong_usage(occbench: Run, arguments: list[str]) -> None:
    assert occbench("audit", *arguments).exit_code == 2


def test_unusable_folders(occbench: Run, data: Path, tmp_path: Path) -> None:
    assert occbench("audit", tmp_path).exit_code == 2
    assert "given twice" in occbench("audit", data, data).stderr
