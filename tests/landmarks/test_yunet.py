"""YuNet, on a fake model where its file is not needed and on real photographs where it is there."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError, Rejected
from occbench.faces import Face, Source
from occbench.images import decode, read_bytes
from occbench.landmarks import create, yunet
from occbench.landmarks.alignment import five_points
from occbench.landmarks.checks import check
from occbench.landmarks.locate import Locator

Image = npt.NDArray[np.uint8]
Sources = Callable[..., Source]

FIVE = np.array([(203, 102), (247, 103), (225, 127), (202, 141), (245, 141)])  # in the portrait, read off the photograph


class FakeModel:
    """Sees faces at fixed fractions of the frame: rows of (x, y, w, h, five points, score)."""

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self._boxes = np.array(boxes).reshape(-1, 4)
        self.sizes: list[tuple[int, int]] = []

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802
        self.sizes.append(size)

    def detect(self, image: Image) -> tuple[int, npt.NDArray[np.float32] | None]:
        width, height = self.sizes[-1]
        assert image.shape == (height, width, 3)
        five = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.3, 0.8), (0.7, 0.8)])
        frame = np.array((width, height))
        rows = [[*(b[:2] * frame), *(b[2:] * frame), *((five * b[2:] + b[:2]) * frame).ravel(), 0.9] for b in self._boxes]
        return len(rows), np.array(rows, np.float32) if rows else None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeModel]:
    def install(*boxes: tuple[float, float, float, float]) -> FakeModel:
        model = FakeModel(*boxes)
        monkeypatch.setattr(yunet, "_model", lambda: model)
        monkeypatch.setattr("occbench.weights.find", lambda name, verify: Path("yunet.onnx"))
        return model

    return install


def test_the_five_points_become_68_with_a_warning(fake: Callable[..., FakeModel], make_source: Sources, face: Face) -> None:
    fake((0.3, 0.3, 0.4, 0.4))
    found = create("yunet", make_source()).detect(np.zeros((250, 250, 3), np.uint8), face)
    assert found.warnings == ("fitted-from-5-points",)
    assert five_points(found.points)[:2] == pytest.approx(np.array([(105, 115), (145, 115)]) - 0.5, abs=4)


def test_a_bystander_is_refused(fake: Callable[..., FakeModel], make_source: Sources, face: Face) -> None:
    fake((0.0, 0.0, 0.3, 0.3))
    with pytest.raises(Rejected, match="no-face"):
        create("yunet", make_source(centred=True)).detect(np.zeros((250, 250, 3), np.uint8), face)


def test_large_photographs_are_reduced(fake: Callable[..., FakeModel], make_source: Sources, face: Face) -> None:
    model = fake()
    with pytest.raises(Rejected, match="no-face"):
        create("yunet", make_source()).detect(np.zeros((3000, 4000, 3), np.uint8), face)
    assert model.sizes == [(320, 240), (640, 480), (1280, 960)]


def test_a_missing_model_says_where_to_get_it(make_source: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCCBENCH_WEIGHTS", raising=False)
    with pytest.raises(InputError, match="OpenCV Zoo"):
        create("yunet", make_source())


@pytest.mark.real
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (9000, 40), (40, 9000)])
def test_photographs_of_odd_shapes(
    shared: Path, make_source: Sources, face: Face, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int]
) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    with pytest.raises(Rejected):  # OpenCV 4.11 sees something in a single line of pixels, which then fails the checks
        Locator(make_source(), ["yunet"], None).locate(np.full((*shape, 3), 90, np.uint8), "abc", face)


@pytest.mark.real
@pytest.mark.parametrize("factor", [0.4, 1.0, 5.0])
def test_the_real_model_finds_the_portrait(
    astronaut: Image, shared: Path, make_source: Sources, face: Face, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    image = np.asarray(cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = create("yunet", make_source()).detect(image, face)
    check(found.points, image.shape[1], image.shape[0])
    assert five_points(found.points) / factor == pytest.approx(FIVE, abs=8)


@pytest.mark.real
def test_really_masked_faces_are_found(shared: Path, make_source: Sources, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    detector, found = create("yunet", make_source()), 0
    photographs = sorted((shared / "data" / "natural" / "masked").glob("*.jpg"))[:40]
    for path in photographs:
        image = decode(read_bytes(path))
        try:
            detector.detect(image, face)
            found += 1
        except Rejected:
            pass
    assert found >= 0.85 * len(photographs) > 0
