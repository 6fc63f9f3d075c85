import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from click import Context
from click.testing import CliRunner, Result

from occbench import __version__
from occbench.cli import COMMANDS, doctor, main
from occbench.cli.list_ import KINDS
from occbench.manifest import MANIFEST, read
from occbench.occluders import OCCLUDERS, create

Run = Callable[..., Result]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_exit_codes(occbench: Run, command: str) -> None:
    result = occbench(command, "--help")
    assert result.exit_code == 0
    assert f"occbench {command}" in result.stdout.partition("Examples:")[2]
    assert "0 " in result.stdout.partition("Exit codes:")[2]


def test_help_lists_the_commands(occbench: Run) -> None:
    said = occbench("--help").stdout
    assert all(f"\n  {command} " in said for command in COMMANDS)


def test_version(occbench: Run) -> None:
    assert occbench("--version").stdout == f"occbench, version {__version__}\n"


def test_no_such_command(occbench: Run) -> None:
    result = occbench("sinth")
    assert result.exit_code == 2
    assert "sinth" in result.stderr


def test_a_bug_is_one_line(occbench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "sources", lambda: 1 // 0)
    result = occbench("list", "sources")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "--debug" in result.stderr


@pytest.mark.parametrize(("command", "resumable"), [("synth", True), ("doctor", False)])
def test_an_interruption_speaks_of_resume_where_there_is_that_option(
    occbench: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, resumable: bool
) -> None:
    def stop(**_: object) -> None:
        raise KeyboardInterrupt

    found = main.get_command(Context(main), command)
    assert found is not None
    monkeypatch.setattr(found, "callback", stop)
    result = occbench(command, *(("--out", tmp_path) if resumable else ()))
    assert (result.exit_code, "--resume" in result.stderr) == (130, resumable)


def test_the_traceback_of_a_bug_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "sources", lambda: 1 // 0)
    result = CliRunner().invoke(main, ["--debug", "list", "sources"])
    assert result.exit_code == 1
    assert "Traceback" in result.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_json_or_text(occbench: Run, kind: str) -> None:
    rows = json.loads(occbench("list", kind, "--json").stdout)
    said = occbench("list", kind).stdout
    assert all(row["name"] in said for row in rows)
    assert rows or said == f"This version of occbench has no {kind} yet.\n"


def test_occluders_are_listed_with_variants_and_ranges(occbench: Run) -> None:
    rows = {row["name"]: row for row in json.loads(occbench("list", "occluders", "--json").stdout)}
    assert list(rows) == list(OCCLUDERS)
    assert rows["mask"]["variants"] == dict(create("mask").variants)
    assert rows["mask"]["ranges"]["lift"] == list(create("mask").ranges["lift"])


def test_the_doctor_says_what_is_there(occbench: Run) -> None:
    found = json.loads(occbench("doctor", "--json").stdout)
    assert found["occbench"]["occbench"] == __version__
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert found["models"]
    said = occbench("doctor").stdout
    assert all(name in said for name in found["models"])


def test_the_doctor_sees_wheels_that_overwrite_each_other(occbench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"opencv-python-headless": "5.0.0.93", "opencv-contrib-python": "4.11.0.86"}
    monkeypatch.setattr(doctor, "_version", versions.get)
    said = json.loads(occbench("doctor", "--json").stdout)["machine"]["opencv wheels"]
    assert said.startswith("PROBLEM: opencv-python-headless 5.0.0.93, opencv-contrib-python 4.11.0.86")


@pytest.mark.slow
def test_the_demo_shows_every_variant_and_can_be_repeated(occbench: Run, tmp_path: Path) -> None:
    for _ in range(2):
        result = occbench("demo", "--out", tmp_path / "demo")
        assert result.exit_code == 0
    assert result.stdout.split()[-1] == str(tmp_path / "demo" / "contact_sheet.png")
    shown = {(row.occluder, row.variant) for row in read(tmp_path / "demo" / MANIFEST)}
    assert shown == {(name, variant) for name in OCCLUDERS for variant in create(name).variants}
