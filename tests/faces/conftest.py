"""Tiny fake trees in the layouts of the real sources."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fake_lfw() -> ModuleType:
    """`tests/data/lfw.py`."""
    path = Path(__file__).resolve().parents[1] / "data" / "lfw.py"
    spec = importlib.util.spec_from_file_location("fake_lfw", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
