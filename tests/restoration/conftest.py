"""What the tests of restoration share: a portrait with holes of several kinds."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

Pixels = npt.NDArray[np.uint8]
_KINDS = ("inner", "soft", "border", "scattered", "empty", "all")


@pytest.fixture(scope="session")
def portrait(astronaut: Pixels) -> Pixels:
    """The astronaut's face, (128, 96, 3)."""
    return np.ascontiguousarray(cv2.resize(astronaut[0:256, 128:320], (96, 128), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="session")
def portraits(portrait: Pixels, astronaut: Pixels) -> list[Pixels]:
    """Two crops of one size, (128, 96, 3)."""
    other = cv2.resize(astronaut[40:232, 150:294], (96, 128), interpolation=cv2.INTER_AREA)
    return [portrait, np.ascontiguousarray(other)]


@pytest.fixture(scope="session")
def alphas() -> dict[str, Pixels]:
    """Masks of (128, 96): name to alpha."""
    masks: dict[str, Any] = {
        name: np.zeros((128, 96), np.uint8) for name in ("inner", "soft", "border", "scattered", "empty", "all")
    }
    masks["inner"][50:90, 30:70] = 255
    masks["soft"][50:90, 30:70] = 90
    masks["soft"][60:80, 40:60] = 255
    masks["border"][70:, 20:80] = 255
    masks["border"][:9, :7] = 1
    masks["scattered"][::3, ::4] = 200
    masks["all"][:] = 255
    return masks
