import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from occbench.faces import open_source
from occbench.manifest import MANIFEST, read

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "missing: --data, --format, --out"),
        (["--data", "DATA"], "missing: --format, --out"),
        (["--format", "webdataset", "--out", "x"], "missing: --data"),
        (["--data", "DATA", "--format", "overlays", "--out", "x", "--pairs-per-shard", "3"], "has no --pairs-per-shard"),
        (["--data", "DATA", "--format", "webdataset", "--out", "x", "--keep-names"], "has no --keep-names"),
        (["--run", "x"], "missing: --onnx"),
        (["--onnx", "x"], "missing: --run"),
        (["--run", "x", "--onnx", "y", "--data", "DATA"], "has no --data"),
    ],
    ids=" ".join,
)
def test_what_does_not_go_together_is_refused(occbench: Run, data: Path, arguments: list[str], said: str) -> None:
    result = occbench("export", *(str(data) if word == "DATA" else word for word in arguments))
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_shards(occbench: Run, data: Path, tmp_path: Path) -> None:
    given = ("--data", data, "--format", "webdataset", "--split", "test", "--workers", "1", "--pairs-per-shard", "20")
    result = occbench("export", *given, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "index.json").read_text())
    assert occbench("export", *given, "--out", tmp_path / "more").stdout == f"56 pairs in 3 shards in {tmp_path / 'more'}\n"


def test_a_full_folder_is_left_alone(occbench: Run, data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    result = occbench("export", "--data", data, "--format", "overlays", "--out", tmp_path)
    assert (result.exit_code, "not empty" in result.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_pack_gives_the_pixels_back(occbench: Run, tmp_path: Path) -> None:
    occbench("synth", "--source", "sample", "--occluders", "black-box", "--workers", "1", "--out", tmp_path / "data")
    rows = list(read(tmp_path / "data" / MANIFEST))
    assert rows
    result = occbench("export", "--data", tmp_path / "data", "--format", "overlays", "--workers", "1", "--out", tmp_path / "pack")
    assert result.stdout.startswith(f"{len(rows)} layers in {tmp_path / 'pack'}")

    (tmp_path / "photos").mkdir()
    for number, row in enumerate(rows):
        shutil.copy(open_source("sample", None).locate(row.image_id), tmp_path / "photos" / f"{number}.x")
    given = ("--overlays", tmp_path / "pack", "--root", tmp_path / "photos", "--workers", "1")
    assert occbench("synth", *given, "--out", tmp_path / "again").exit_code == 0
    made = {row.occluded_sha256 for row in read(tmp_path / "again" / MANIFEST)}
    assert made == {row.occluded_sha256 for row in rows}

    next((tmp_path / "photos").iterdir()).unlink()
    result = occbench("synth", *given, "--out", tmp_path / "fewer")
    assert (result.exit_code, "could not be made" in result.stderr) == (4, True)
    assert "source-missing" in (tmp_path / "fewer" / "rejects.csv").read_text()


@pytest.mark.parametrize(
    "extra", [["--size", "64"], ["--source", "lfw"], ["--dry-run"], ["--shard-index", "0"], ["--split", "test"]]
)
def test_a_pack_says_everything_itself(occbench: Run, tmp_path: Path, extra: list[str]) -> None:
    result = occbench("synth", "--overlays", tmp_path, "--root", tmp_path, "--out", tmp_path / "out", *extra)
    assert (result.exit_code, f"leave out {extra[0]}" in result.stderr) == (2, True)


def test_a_pack_needs_photographs(occbench: Run, tmp_path: Path) -> None:
    result = occbench("synth", "--overlays", tmp_path, "--out", tmp_path / "out")
    assert (result.exit_code, "--root" in result.stderr) == (2, True)
