"""Scenes to draw in: the average head at several poses, and a photograph. The script of `test_determinism.py` has them."""

import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from occbench.landmarks import alignment
from occbench.occluders import Scene


@pytest.fixture(scope="session")
def digest() -> ModuleType:
    """`tests/determinism_digest.py` as a module: `posed`, `scene`, `POSES`, `ASTRONAUT`."""
    spec = importlib.util.spec_from_file_location("determinism_digest", Path(__file__).parents[1] / "determinism_digest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scenes(digest: ModuleType) -> dict[str, Scene]:
    """Each pose in a frame of 128 px, and the astronaut's aligned crop."""
    found = {name: digest.scene(digest.posed(*angles), 128, 128, name) for name, angles in digest.POSES.items()}
    points = np.array(digest.ASTRONAUT, dtype=np.float64)
    matrix = alignment.crop_matrix(alignment.five_points(points), 128)
    found["astronaut"] = digest.scene(alignment.apply(matrix, points), 128, 128, "astronaut")
    return found


@pytest.fixture(scope="session")
def frontal(scenes: dict[str, Scene]) -> Scene:
    """The average head facing the camera in a frame of 128 px, 36 px between the eyes, which lie at (46, 48) and (82, 48)."""
    return scenes["frontal"]


@pytest.fixture(scope="session")
def sha256() -> Callable[[npt.NDArray[np.uint8]], str]:
    """The first 16 digits of the sha256 of an array's bytes, for golden pixels."""
    return lambda array: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
