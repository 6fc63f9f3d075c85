import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from occbench.cli import main
from occbench.cli.leaderboard import leaderboard
from occbench.errors import InputError, UsageError


def row(value: float) -> dict[str, Any]:
    about = {"name": "psnr", "region": "mask", "higher_is_better": True, "signature": "psnr|v1", "n": 10}
    return about | {"value": value, "ci_low": value - 1, "ci_high": value + 1, "gain": 1.0, "gain_ci_low": 0.5, "gain_ci_high": 1.5}


def write(folder: Path, name: str, value: float, fingerprint: str = "a" * 64) -> Path:
    folder.mkdir()
    document = {
        **{"schema": 1, "name": name, "track": "blind", "metrics": [row(value)], "environment": {"occbench": "0.1.0"}},
        "data": {"fingerprint": fingerprint, "source": "lfw", "split": "test", "n": 10, "identities": 5, "missing": 0},
    }
    (folder / "result.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "one", "one", 20.0), write(tmp_path / "two", "two", 21.0)]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(leaderboard, [str(argument) for argument in arguments])


def test_three_files(two: list[Path], tmp_path: Path) -> None:
    result = run(*two, "--csv", tmp_path / "a.csv", "--markdown", tmp_path / "a.md", "--html", tmp_path / "a.html")
    assert result.exit_code == 0, result.exception
    with (tmp_path / "a.csv").open() as file:
        assert [line["name"] for line in csv.DictReader(file)] == ["two", "one"]
    assert "| 1 | two |" in (tmp_path / "a.md").read_text()
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert result.stdout.splitlines()[0] == "lfw, test: 2 methods, ranked by psnr_mask"
    assert result.stdout.splitlines()[-1] == f"wrote {tmp_path / 'a.html'}"


def test_markdown_alone_on_stdout(two: list[Path]) -> None:
    result = run(*two, "--markdown", "-")
    assert result.exit_code == 0
    assert result.stdout.startswith("**lfw, test: 10 pairs of 5 identities**\n")
    assert not Path("-").exists()


def test_json_is_one_document(two: list[Path], tmp_path: Path) -> None:
    result = run(*two, "--csv", tmp_path / "a.csv", "--json")
    document = json.loads(result.stdout)
    assert [(r["rank"], r["name"], r["value"]) for r in document["sections"][0]["rows"]] == [(1, "two", 21.0), (2, "one", 20.0)]
    assert document["written"] == [str(tmp_path / "a.csv")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Say what to write"),
        (("--markdown", "-", "--json"), "both want stdout"),
        (("--csv", "x", "--html", "x"), "files of their own"),
        (("--csv", "x", "--sort", "fid"), "There is no metric 'fid'"),
        (("--csv", "x", "--baseline", "three"), "There is no method 'three'"),
    ],
)
def test_wrong_usage(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*two, *options)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_no_results() -> None:
    assert run("--csv", "x").exit_code == 2


def test_mixed_data_write_nothing(two: list[Path], tmp_path: Path) -> None:
    other = write(tmp_path / "three", "three", 22.0, "b" * 64)
    result = run(*two, other, "--csv", tmp_path / "a.csv")
    assert isinstance(result.exception, InputError)
    assert not (tmp_path / "a.csv").exists()
    assert run(*two, other, "--csv", tmp_path / "a.csv", "--sections").exit_code == 0


def test_no_images_leaves_faces_out(two: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    record: Callable[..., str] = lambda sections, images: asked.append(images) or "page"  # noqa: E731
    monkeypatch.setattr("occbench.leaderboard.page.to_html", record)
    run(*two, "--html", tmp_path / "a.html", "--no-images")
    run(*two, "--html", tmp_path / "a.html")
    assert asked == [False, True]


def test_it_is_a_command(two: list[Path], tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["leaderboard", str(two[0])]).exit_code == 2
