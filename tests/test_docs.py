"""The pages say what the code does: tables, commands, samples and links."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import numpy as np
import pytest

from occbench.cli import main
from occbench.landmarks import head
from occbench.manifest.schema import SCHEMA
from occbench.occluders import Scene

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "bench").glob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language (empty for plain ones)."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [text for name, text in fenced if name == language]


def load_script(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    for target in targets:
        file, _, anchor = target.partition("#")
        other = (page.parent / file) if file else page
        assert other.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", other.read_text(encoding="utf-8"), flags=re.M)
            assert anchor in {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_exist_with_these_options(page: Path) -> None:
    context = click.Context(main)
    for line in re.findall(r"^occbench (.+)$", "".join(blocks(page, "")), flags=re.M):
        words = line.split("#")[0].split()
        command: Any = main.get_command(context, words[0])
        assert command is not None, f"{page.name}: occbench {words[0]}"
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_occluder_tables_are_in_step() -> None:
    tables = load_script(ROOT / "docs" / "tables.py")
    page = tables.PAGE.read_text(encoding="utf-8")
    assert page == tables.filled(page), "run python docs/tables.py"


def test_every_manifest_column_is_described() -> None:
    page = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))))
    assert described == set(SCHEMA.names)


def test_the_sample_occluder_works() -> None:
    names: dict[str, Any] = {}
    exec(blocks(ROOT / "docs" / "extending.md", "python")[0], names)
    occluder = names["EyeBar"]()
    points = head.POINTS[:, :2] * 0.6 + 64
    scene = Scene(128, 128, head.FittedHead(points), lambda n: np.zeros(n, np.uint8))
    parameters = occluder.sample(np.random.default_rng(0), "black", scene, occluder.ranges)
    layer = occluder.render("black", parameters, scene)
    eye_y, eye_x = np.rint(points[36:42].mean(axis=0))[::-1].astype(int)
    assert layer.rgba[eye_y - layer.y, eye_x - layer.x].tolist() == [0, 0, 0, 255]
    assert layer.rgba[..., 3].mean() < 64


def test_the_readme_sample_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (sample,) = blocks(ROOT / "README.md", "python")
    exec(sample, {})
    assert list(tmp_path.iterdir()) != []
