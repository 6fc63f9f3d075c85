"""Real faces and the networks that look at them."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

Image = npt.NDArray[np.uint8]


@pytest.fixture
def models(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared model files, where `occbench.weights` finds them."""
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    return shared / "models"


@pytest.fixture(scope="session")
def faces(shared: Path) -> Image:
    """Twelve real faces, (12, 150, 150, 3) uint8 RGB, by the centre of the photograph."""
    folder = shared / "data/lfw/lfw-deepfunneled"
    found = []
    for person in sorted(folder.iterdir())[:12]:
        photograph = cv2.imread(str(sorted(person.iterdir())[0]))
        assert photograph is not None
        found.append(cv2.cvtColor(photograph, cv2.COLOR_BGR2RGB)[50:200, 50:200])
    return np.stack(found).astype(np.uint8)
