"""`occbench merge`, and the options of `occbench synth` that it goes with."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from occbench.cli import main

SYNTH = ["synth", "--source", "sample", "--occluders", "black-box", "--size", "32", "--workers", "1"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("ID", "MIN", "MAX", "STEP", "COUNT"):
        monkeypatch.delenv(f"SLURM_ARRAY_TASK_{name}", raising=False)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, list(map(str, arguments)))

    return run


def test_parts_and_their_whole(run: Any, tmp_path: Path) -> None:
    for index in range(2):
        made = run(*SYNTH, "--out", tmp_path / "out", "--shard-index", index, "--num-shards", 2)
        assert made.exit_code == 0, made.output
        assert f"occbench merge {tmp_path / 'out'}" in made.stdout
    merged = run("merge", tmp_path / "out", "--json")
    assert merged.exit_code == 0, merged.output
    assert json.loads(merged.stdout)["pairs"] == 2


def test_parts_in_several_folders(run: Any, tmp_path: Path) -> None:
    parts = [tmp_path / f"part-{index}" for index in range(2)]
    for index, part in enumerate(parts):
        assert run(*SYNTH, "--out", part, "--shard-index", index, "--num-shards", 2).exit_code == 0
    assert run("merge", *parts).exit_code == 2
    assert run("merge", *parts, "--out", tmp_path / "whole").exit_code == 0
    assert run("verify", tmp_path / "whole").exit_code == 0


@pytest.mark.parametrize(("start", "step"), [(0, 1), (1, 1), (10, 5)])
def test_slurm_says_which_part(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, step: int) -> None:
    for index in range(2):
        slurm = {"ID": start + index * step, "MIN": start, "MAX": start + step, "STEP": step, "COUNT": 2}
        for name, value in slurm.items():
            monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
        made = run(*SYNTH, "--out", tmp_path / "out", "--json")
        assert made.exit_code == 0, made.output
        assert f"Part {index} of 2" in made.stderr
        assert json.loads(made.stdout)["shards"] == [index, index + 1]


def test_a_job_array_can_be_told_to_make_everything(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    made = run(*SYNTH, "--out", tmp_path / "out", "--num-shards", 1, "--json")
    assert json.loads(made.stdout)["pairs"] == 2


@pytest.mark.parametrize("more", [[], ["--num-shards", 64]], ids=str)
def test_a_job_array_with_gaps_does_not_say_which_part(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[object]
) -> None:
    for name, value in {"ID": 7, "MIN": 3, "MAX": 7, "STEP": 1, "COUNT": 2}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    result = run(*SYNTH, "--out", tmp_path / "out", *more)
    assert result.exit_code == 2
    assert "have gaps" in result.output
    assert run(*SYNTH, "--out", tmp_path / "out", "--shard-index", 7, "--num-shards", 64).exit_code == 0


def test_a_dry_run_counts_the_whole(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    result = run(*SYNTH, "--dry-run", "--json")
    assert (json.loads(result.stdout)["pairs"], result.stderr) == (2, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-shards", "2"], "Add --shard-index"),
        (["--shard-index", "0"], "Add --num-shards"),
        (["--shard-index", "2", "--num-shards", "2"], "no part 2 of 2"),
        (["--shard-index", "0", "--num-shards", "2", "--overwrite"], "what others make"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_meant(run: Any, tmp_path: Path, options: list[str], message: str) -> None:
    result = run(*SYNTH, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_merging_what_is_not_finished(run: Any, tmp_path: Path) -> None:
    run(*SYNTH, "--out", tmp_path / "out", "--shard-index", 0, "--num-shards", 2)
    result = run("merge", tmp_path / "out")
    assert result.exit_code == 2
    assert "1 of 2 shards" in result.output
