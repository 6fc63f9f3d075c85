"""What the tests of the landmarks share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.faces import Face, Source
from occbench.landmarks.head import POINTS


@dataclass
class FakeSource:
    """A source without photographs: only what detectors ask of it."""

    name: str = "fake"
    centred: bool = False
    mean_box: tuple[float, float, float, float] | None = None
    supplies: bool = False
    licence: str = ""

    def faces(self) -> Iterator[Face]:
        return iter(())

    def locate(self, image_id: str) -> Path:
        raise NotImplementedError


@pytest.fixture
def make_source() -> Callable[..., Source]:
    """`make_source(centred=..., mean_box=...)`."""
    return FakeSource


@pytest.fixture
def face() -> Face:
    return Face("fake", "a.jpg", Path("a.jpg"), "somebody", "test")


@pytest.fixture
def frontal() -> npt.NDArray[np.float64]:
    """The average face towards the camera: 68 points with 42 px between the pupils, whose middle is at (100, 90)."""
    return np.asarray(POINTS[:, :2] * (42 / 63) + (100, 90))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder of a test is its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "occbench"
