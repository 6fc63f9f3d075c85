"""Fake copies of other people's layouts."""

import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    """`tests/data/imports.py`."""
    path = Path(__file__).resolve().parents[1] / "data" / "imports.py"
    spec = importlib.util.spec_from_file_location("fake_imports", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, str]]:
    """`tree(folder)`: relative path to sha256 of every file."""

    def tree(folder: Path) -> dict[str, str]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return tree
