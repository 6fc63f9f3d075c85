"""`occbench score` and the leaderboard after it, as users type them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
QUICK = ("--split", "all", "--metrics", "psnr,ssim", "--workers", "1")


@pytest.fixture
def data(occbench: Run, photos: Path, tmp_path: Path) -> Path:
    """Six pairs of three photographs of two people."""
    out = tmp_path / "data"
    made = occbench(
        *("synth", "--source", "folder", "--root", photos, "--out", out, "--per-image", 2, "--size", 64),
        *("--occluders", "black-box", "--workers", 1, "--cache", tmp_path / "cache"),
    )
    assert made.exit_code == 0, made.output
    return out


def test_from_pairs_to_a_page(occbench: Run, data: Path, tmp_path: Path) -> None:
    for method in ("occluded", "telea"):
        result = occbench("score", "--data", data, "--method", method, *QUICK, "--out", tmp_path / method, "--cache", tmp_path)
        assert result.exit_code == 0, result.output
        assert f"{method} (" in result.stdout
    page = tmp_path / "page.html"
    result = occbench("leaderboard", tmp_path / "occluded", tmp_path / "telea", "--html", page, "--markdown", "-")
    assert result.exit_code == 0, result.output
    assert "| 1 | telea |" in result.stdout
    assert "telea" in page.read_text()


def test_json_is_the_document(occbench: Run, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    result = occbench("score", "--data", data, "--method", "blur-fill", *QUICK, "--out", out, "--cache", tmp_path, "--json")
    assert json.loads(result.stdout) == json.loads((out / "result.json").read_text())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Name one of --predictions DIR, --method NAME and --run RUN"),
        (("--method", "telia"), "Did you mean 'telea'?"),
        (("--method", "telea", "--metrics", "psnrr"), "Did you mean 'psnr'?"),
        (("--method", "telea", "--track", "blind"), "declare their track"),
        (("--method", "telea", "--name", "=1+1"), "the first a letter or digit"),
        (("--method", "telea", "--embedder", __file__), "belong together"),
        (("--predictions", ".", "--name", "x", "--blend", "alpha"), "--blend is for"),
    ],
    ids=["nothing", "method", "metric", "track", "name", "embedder", "blend"],
)
def test_wrong_usage(occbench: Run, data: Path, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    result = occbench("score", "--data", data, "--out", tmp_path / "r", "--split", "all", "--cache", tmp_path, *options)
    assert result.exit_code == 2
    assert says in result.stderr


def test_predictions_need_a_name(occbench: Run, data: Path, tmp_path: Path) -> None:
    result = occbench("score", "--data", data, "--predictions", data / "occluded", "--out", tmp_path / "r")
    assert result.exit_code == 2
    assert "--name" in result.stderr


def test_a_natural_set_has_no_truth(occbench: Run, tmp_path: Path) -> None:
    (tmp_path / "natural.parquet").write_bytes(b"whatever")
    result = occbench("score", "--data", tmp_path, "--method", "telea", "--out", tmp_path / "r")
    assert result.exit_code == 2
    for said in (str(tmp_path), "no truth to score against", "occbench restore", "train-baseline --natural"):
        assert said in result.stderr
    assert not (tmp_path / "r").exists()


def test_a_folder_without_a_manifest(occbench: Run, tmp_path: Path) -> None:
    result = occbench("score", "--data", tmp_path, "--method", "telea", "--out", tmp_path / "r")
    assert result.exit_code == 2
    assert "manifest.parquet" in result.stderr
