"""Fixtures shared by all tests."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared real faces and model files; skips where it is missing."""
    root = Path(os.environ.get("OCCBENCH_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (root / "data").is_dir():
        pytest.skip(f"no shared real faces at {root} (set OCCBENCH_SHARED)")
    return root


@pytest.fixture(scope="session")
def astronaut() -> npt.NDArray[np.uint8]:
    """A public-domain portrait, (512, 512, 3) uint8 RGB."""
    from skimage import data

    return np.asarray(data.astronaut(), dtype=np.uint8)


@pytest.fixture(scope="session")
def lfw_layout() -> Callable[[], ModuleType]:
    """`lfw_layout()`: `tests/data/lfw.py`, imported anew, so that its people may be changed."""

    def load() -> ModuleType:
        path = Path(__file__).resolve().parent / "data" / "lfw.py"
        spec = importlib.util.spec_from_file_location("fake_lfw", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
