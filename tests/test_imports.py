"""What may import what. The flow has one direction, its leaves stand alone, and light commands stay light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "occbench"
FLOW = (
    "faces",
    "landmarks",
    "occluders",
    "synthesis",
    "importing",
    "formats",
    "pairs",
    "training",
    "baselines",
    "restoration",
    "scoring",
    "leaderboard",
    "cli",
)
LEAVES = tuple(sorted(p.stem for p in PACKAGE.iterdir() if p.stem not in FLOW and not p.stem.startswith("__") and p.stem != "py"))


def imports(room: str) -> Iterator[tuple[str, str]]:
    """(module file, what it imports from occbench: first name below the package) for every import of a room, lazy ones too."""
    folder = PACKAGE.parent / room if room == "baselines" else PACKAGE / room  # mapped into the package when it is installed
    files = sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            targets: list[str] = []
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: relative import"
                targets = [f"{node.module}.{alias.name}" for alias in node.names]
            for target in targets:
                parts = target.split(".")
                if parts[0] == "occbench" and len(parts) > 1:
                    yield str(file.relative_to(PACKAGE.parent)), parts[1]


@pytest.mark.parametrize("room", FLOW)
def test_nothing_in_the_flow_imports_to_its_right(room: str) -> None:
    right = FLOW[FLOW.index(room) + 1 :]
    assert [(file, target) for file, target in imports(room) if target in right] == []


@pytest.mark.parametrize("leaf", LEAVES)
def test_leaves_import_nothing_of_the_flow(leaf: str) -> None:
    assert [(file, target) for file, target in imports(leaf) if target in FLOW] == []


def test_the_flow_is_seen() -> None:
    """The walk itself works: synthesis does use occluders, landmarks and the manifest."""
    assert {"occluders", "landmarks", "manifest"} <= {target for _, target in imports("synthesis")}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list", "occluders"],
        ["list", "sources", "--json"],
        ["list", "landmarks"],
        ["list", "methods"],
        ["score", "--help"],
        ["leaderboard", "--help"],
        ["train-baseline", "--help"],
        ["restore", "--help"],
        ["detect-mask", "--help"],
        ["export", "--help"],
        ["synth", "--help"],
        ["demo", "--help"],
        ["stats", "--help"],
        ["audit", "--help"],
        ["fetch-weights", "--help"],
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from occbench.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "print(*(m for m in ('torch', 'dlib', 'matplotlib', 'skimage', 'pandas') if m in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr.split() == []


def test_synthesis_does_not_import_torch() -> None:
    code = "import sys, occbench.synthesis.dataset, occbench.cli.synth; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
