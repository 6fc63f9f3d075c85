"""Tiny fake trees in the layouts of the real sources."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fake_lfw(lfw_layout: Callable[[], ModuleType]) -> ModuleType:
    """`tests/data/lfw.py`."""
    return lfw_layout()


@pytest.fixture(scope="session")
def fake_celeba() -> ModuleType:
    """`tests/data/celeba.py`."""
    return _layout("celeba")


@pytest.fixture(scope="session")
def fake_vggface2() -> ModuleType:
    """`tests/data/vggface2.py`."""
    return _layout("vggface2")


def _layout(name: str) -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "data" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"fake_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
