"""Fixtures shared by all tests."""

import os
from pathlib import Path

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
