"""Tiny fake trees in the layouts of the real sources."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fake_lfw(lfw_layout: Callable[[], ModuleType]) -> ModuleType:
    """`tests/data/lfw.py`."""
    return lfw_layout()
