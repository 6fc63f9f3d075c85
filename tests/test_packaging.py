"""What a wheel must carry, and what its metadata must say. `.ci/wheel-check` runs the demo from it in a clean environment."""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "occbench": "occbench",
    "assets": "occbench/assets",
    "manifests": "occbench/manifests",
    "baselines": "occbench/baselines",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources so that nothing stale in `build/` can enter it."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir"]
    done = subprocess.run([*command, str(out), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("occbench-*.whl")
    return built


def source_files(pattern: str) -> set[str]:
    """Where the project's package files should lie inside a wheel."""
    return {
        f"{inside}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, inside in PACKAGES.items()
        for path in (ROOT / folder).rglob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def test_wheel_has_every_module_and_data_file(wheel: Path) -> None:
    wanted = source_files("*")
    assert any(name.startswith("occbench/assets/") and name.endswith(".png") for name in wanted)
    with zipfile.ZipFile(wheel) as archive:
        assert wanted - set(archive.namelist()) == set()


def test_wheel_has_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        stray = [n for n in archive.namelist() if not n.startswith("occbench/") and ".dist-info/" not in n]
        photographs = [n for n in archive.namelist() if n.lower().endswith((".jpg", ".jpeg"))]
    assert stray == []
    assert photographs == []


def test_wheel_runs_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere, it finds its own assets: not those of the checkout."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import importlib.resources as r, occbench\n"
        "print(occbench.__file__)\n"
        "print(sum(1 for kind in r.files('occbench.assets').iterdir() if kind.is_dir()\n"
        "    for f in kind.iterdir() if f.name.endswith('.png')))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    location, pictures = done.stdout.splitlines()
    assert Path(location).is_relative_to(tmp_path)
    assert int(pictures) == len(list((ROOT / "assets").glob("*/*.png")))


def test_every_package_is_declared() -> None:
    """`packages` in setup.cfg is explicit, so a new folder of modules has to be added there."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    declared = set(config["options"]["packages"].split())
    found = {name.removesuffix("/__init__.py").replace("/", ".") for name in source_files("__init__.py")}
    assert declared == found


def test_command_is_declared(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/entry_points.txt")]
        assert "occbench = occbench.cli:main" in archive.read(name).decode()


def test_constraints_pin_every_requirement_within_its_range(wheel: Path) -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            pins[canonicalize_name(name)] = version
    for text in metadata(wheel).get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if requirement.name == "occbench":
            continue
        version = pins.get(canonicalize_name(requirement.name))
        assert version, f"constraints.txt does not pin {requirement.name}"
        assert requirement.specifier.contains(version), f"{requirement} does not admit the pinned {version}"


def test_licence_travels_with_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert metadata(wheel)["License-Expression"] == "MIT"
