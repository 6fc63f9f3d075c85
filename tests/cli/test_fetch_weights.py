import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from occbench import weights

Run = Callable[..., Result]
CONTENT = b"a model"


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A mirror with one small model of two that there are; a cache folder of our own."""
    model = replace(weights.WEIGHTS["yunet"], file="tiny.onnx", size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(weights, "WEIGHTS", {"tiny": model, "own": weights.WEIGHTS["resnet34"]})
    monkeypatch.setattr("occbench.download.WEIGHTS", weights.WEIGHTS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(weights.ENVIRONMENT, raising=False)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "tiny.onnx").write_bytes(CONTENT)
    return tmp_path


def test_by_name(occbench: Run, place: Path) -> None:
    result = occbench("fetch-weights", "tiny", "--from", place / "mirror")
    assert result.exit_code == 0
    for said in ("7 bytes", "MIT", str(place / "mirror" / "tiny.onnx")):
        assert said in result.stderr
    assert result.stdout.split() == ["tiny", "fetched", str(weights.find("tiny"))]


def test_a_second_time(occbench: Run, place: Path) -> None:
    occbench("fetch-weights", "tiny", "--from", place / "mirror")
    result = occbench("fetch-weights", "tiny", "--json")
    (row,) = json.loads(result.stdout)
    assert (row["status"], row["from"], row["path"]) == ("already there", None, str(weights.find("tiny")))
    assert result.stderr == ""


def test_all_says_what_is_left_out(occbench: Run, place: Path) -> None:
    result = occbench("fetch-weights", "--all", "--from", place / "mirror")
    assert result.exit_code == 0
    assert "Not to be had there, so left out: own." in result.stderr
    assert weights.find("tiny")


def test_all_of_nothing(occbench: Run, place: Path) -> None:
    (place / "mirror" / "tiny.onnx").unlink()
    result = occbench("fetch-weights", "--all", "--from", place / "mirror")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "holds no file that occbench knows" in result.stderr


def test_out_says_how_it_is_found(occbench: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = occbench("fetch-weights", "tiny", "--from", place / "mirror", "--out", place / "my weights")
    assert f"export OCCBENCH_WEIGHTS='{place / 'my weights'}'" in result.stderr
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(place / "my weights"))
    assert weights.find("tiny") == place / "my weights" / "tiny.onnx"


def test_dry_run(occbench: Run, place: Path) -> None:
    result = occbench("fetch-weights", "--all", "--dry-run")
    assert result.exit_code == 0
    assert f"from     {weights.WEIGHTS['tiny'].address}\n" in result.stdout
    (row,) = json.loads(occbench("fetch-weights", "tiny", "--dry-run", "--json").stdout)
    assert row == {
        "name": "tiny",
        "status": "to fetch",
        "path": str(weights.cached("tiny")),
        "from": weights.WEIGHTS["tiny"].address,
        "bytes": 7,
        "sha256": weights.WEIGHTS["tiny"].sha256,
        "purpose": "face detection with 5 landmarks",
        "licence": "MIT",
    }
    assert [path.name for path in place.rglob("*")] == ["mirror", "tiny.onnx"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Which models? Name them, or give --all for those that can be fetched: tiny. Not published"),
        (["tiny", "--all"], "Which models?"),
        (["tinny"], "Did you mean 'tiny'?"),
        (["own"], "ResNet-34"),
        (["tiny", "--from", "nowhere"], "--from takes a folder that exists"),
    ],
    ids=["nothing", "names and all", "unknown", "not published", "no mirror"],
)
def test_wrong_usage(occbench: Run, place: Path, arguments: list[str], message: str) -> None:
    result = occbench("fetch-weights", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not (place / "cache").exists()


def test_another_file_in_the_mirror(occbench: Run, place: Path) -> None:
    (place / "mirror" / "tiny.onnx").write_bytes(b"a m0del")
    result = occbench("fetch-weights", "tiny", "--from", place / "mirror", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert str(weights.WEIGHTS["tiny"].sha256) in result.stderr


def test_the_doctor_says_what_can_be_fetched(occbench: Run) -> None:
    models = json.loads(occbench("doctor", "--json").stdout)["models"]
    assert {name: f"occbench fetch-weights {name}" in said for name, said in models.items()} == {"tiny": True, "own": False}
