"""`occbench import` as users type it."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from occbench.manifest import MANIFEST
from occbench.manifest.natural import NATURAL
from occbench.pairs.paired import open_pairs

Run = Callable[..., Result]


@pytest.fixture
def pairs(fakes: ModuleType, tmp_path: Path) -> Path:
    root: Path = fakes.paired(tmp_path / "pairs", 12, suffix=".jpg", masks=False)
    return root


def test_imported_pairs_verify_and_score(occbench: Run, pairs: Path, tmp_path: Path) -> None:
    result = occbench(
        "import", "paired", "--root", pairs, "--out", tmp_path / "out", "--workers", 1, "--landmarks", "dlib", "--json"
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["pairs"], document["photographs"], document["rejects"]) == (24, 24, 0)
    assert occbench("verify", tmp_path / "out", "--workers", 1).exit_code == 0
    scored = occbench(
        *("score", "--data", tmp_path / "out", "--method", "telea", "--metrics", "psnr", "--workers", 1),
        *("--split", "train", "--out", tmp_path / "result"),
    )
    assert scored.exit_code == 0, scored.output


def test_aligned_pairs_can_be_trained_on(occbench: Run, pairs: Path, tmp_path: Path) -> None:
    done = occbench(
        *("import", "paired", "--root", pairs, "--out", tmp_path / "out", "--workers", 1, "--landmarks", "dlib"),
        *("--crop", "aligned", "--size", 32),
    )
    assert done.exit_code == 0, done.output
    opened = open_pairs(tmp_path / "out", "train", cache=tmp_path / "cache", workers=1)
    assert opened.size == 32
    assert len(opened) > 10


def test_rejects_are_exit_code_3(occbench: Run, pairs: Path, tmp_path: Path) -> None:
    next((pairs / "clean").rglob("*.jpg")).unlink()
    result = occbench("import", "paired", "--root", pairs, "--out", tmp_path / "out", "--workers", 1, "--landmarks", "dlib")
    assert result.exit_code == 3
    assert "no-clean 1" in result.output


def test_an_imported_manifest_cannot_be_rebuilt(occbench: Run, pairs: Path, tmp_path: Path) -> None:
    occbench("import", "paired", "--root", pairs, "--out", tmp_path / "out", "--workers", 1, "--landmarks", "dlib", "--limit", 2)
    again = occbench("synth", "--manifest", tmp_path / "out" / MANIFEST, "--root", pairs, "--out", tmp_path / "again")
    assert again.exit_code == 2
    assert "Import them again" in again.stderr
    assert not (tmp_path / "again").exists()


def test_natural_faces(occbench: Run, fakes: ModuleType, portrait: Image.Image, tmp_path: Path) -> None:
    root = fakes.meglass(tmp_path / "in", np.asarray(portrait), 2)
    result = occbench(
        "import", "meglass", "--root", root, "--out", tmp_path / "out", "--size", 32, "--landmarks", "dlib", "--workers", 1
    )
    assert result.exit_code == 0, result.output
    assert "4 faces of 4 photographs" in result.output
    assert (tmp_path / "out" / NATURAL).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pared", "--root", "."], "Did you mean 'paired'"),
        (["paired"], "--root, or --occluded and --clean"),
        (["paired", "--root", ".", "--size", "64"], "--crop aligned"),
        (["paired", "--root", "."], "No paired folders"),
        (["paired", "--root", ".", "--name", "celeba"], "celeba"),
        (["natural", "--root", ".", "--crop", "none"], "--crop none"),
        (["natural", "--root", ".", "--resume"], "--resume"),
        (["natural", "--root", ".", "--resume", "--overwrite"], "choose one"),
        (["natural", "--root", ".", "--clean", "."], "no --clean"),
        (["meglass", "--root", "."], "meta.txt"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    occbench: Run, arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = occbench("import", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "out").exists()


def test_layouts_are_listed(occbench: Run) -> None:
    result = occbench("list", "layouts", "--json")
    assert result.exit_code == 0
    layouts = {row["name"]: row["about"] for row in json.loads(result.stdout)}
    assert {"paired", "rof", "meglass"} <= layouts.keys()
    assert all(layouts.values())
