"""MediaPipe, on a fake model where the package is not needed and on real photographs where package and model are there."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError, Rejected, UsageError
from occbench.faces import Face, Source, open_source
from occbench.images import decode, read_bytes
from occbench.landmarks import create, mediapipe478
from occbench.landmarks.alignment import five_points
from occbench.landmarks.checks import check
from occbench.landmarks.head import MESH, Pose, estimate_pose
from occbench.landmarks.locate import Locator
from occbench.landmarks.mediapipe478 import thin

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Sources = Callable[..., Source]

# In the portrait, read off the photograph: eyes, nose tip, mouth corners.
FIVE = np.array([(203, 102), (247, 103), (225, 127), (202, 141), (245, 141)])
LEVEL = np.eye(3)


class FakeModel:
    """Sees faces whose 478 points lie in boxes given in fractions of the frame; of each view it keeps the size."""

    def __init__(self, boxes: list[tuple[float, float, float, float]], after: int) -> None:
        self._boxes, self._after = boxes, after
        self.views: list[tuple[int, ...]] = []

    def detect(self, image: Any) -> SimpleNamespace:
        self.views.append(image.shape)
        seen = self._boxes if len(self.views) > self._after else []
        spots = np.random.Generator(np.random.Philox(1)).random((478, 2))
        spots[:2] = ((0, 0), (1, 1))
        faces = [[SimpleNamespace(x=x, y=y) for x, y in spots * box[2:] + box[:2]] for box in np.array(seen).reshape(-1, 4)]
        return SimpleNamespace(face_landmarks=faces, facial_transformation_matrixes=[np.eye(4)] * len(faces))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeModel]:
    """`fake(box, ..., after=n)`: a model that sees faces from the n-th view on, without the package."""

    def install(*boxes: tuple[float, float, float, float], after: int = 0) -> FakeModel:
        model = FakeModel(list(boxes), after)
        package = SimpleNamespace(Image=lambda image_format, data: data, ImageFormat=SimpleNamespace(SRGB=1))
        monkeypatch.setitem(sys.modules, "mediapipe", package)
        monkeypatch.setattr(mediapipe478, "_model", lambda process: model)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: package)
        monkeypatch.setattr("importlib.metadata.version", lambda name: "1.2")
        monkeypatch.setattr("occbench.weights.find", lambda name, verify: Path("face_landmarker.task"))
        monkeypatch.setattr(mediapipe478, "_LIBRARIES", ())
        return model

    return install


BLANK = np.zeros((200, 400, 3), np.uint8)


def test_points_are_those_of_the_source(fake: Callable[..., FakeModel], make_source: Sources, face: Face) -> None:
    fake((0.25, 0.2, 0.5, 0.6))
    found = create("mediapipe", make_source()).detect(BLANK, face)
    assert found.mesh is not None
    assert found.points.shape == (68, 2)
    assert found.mesh.points.shape == (*MESH.shape[:1], 2)
    for points in (found.points, found.mesh.points):
        assert (points >= (99.5 - 0.05, 39.5 - 0.05)).all()
        assert (points <= (299.5 + 0.05, 159.5 + 0.05)).all()
    assert (found.mesh.points * 10 == np.rint(found.mesh.points * 10)).all()


def test_a_margin_does_not_move_points(fake: Callable[..., FakeModel], make_source: Sources, face: Face) -> None:
    model = fake((0.375, 0.35, 0.25, 0.3), after=10)  # the same face as above, in a frame of twice the size
    found = create("mediapipe", make_source()).detect(BLANK, face)
    fake((0.25, 0.2, 0.5, 0.6))
    assert found.points == pytest.approx(create("mediapipe", make_source()).detect(BLANK, face).points)
    assert model.views[-1] == (400, 800, 3)


def test_the_largest_face_is_taken(fake: Callable[..., FakeModel], make_source: Sources, face: Face) -> None:
    fake((0.0, 0.1, 0.2, 0.3), (0.6, 0.1, 0.3, 0.5))
    assert create("mediapipe", make_source()).detect(BLANK, face).points[:, 0].min() > 230


def test_a_bystander_is_refused(fake: Callable[..., FakeModel], make_source: Sources, face: Face) -> None:
    fake((0.0, 0.0, 0.2, 0.3))
    with pytest.raises(Rejected, match="near the centre"):
        create("mediapipe", make_source(centred=True)).detect(BLANK, face)


def test_large_photographs_are_reduced_and_searched_in_tiles(
    fake: Callable[..., FakeModel], make_source: Sources, face: Face
) -> None:
    model = fake()
    with pytest.raises(Rejected, match="no-face"):
        create("mediapipe", make_source()).detect(np.zeros((3000, 4000, 3), np.uint8), face)
    assert model.views == [(960, 1280, 3), *[(960, 1280, 3)] * 9, (1920, 2560, 3)]


def test_a_mesh_of_a_level_face_is_thinned_to_its_vertices() -> None:
    mesh = np.random.Generator(np.random.Philox(2)).random((478, 2))
    points = thin(mesh, LEVEL)
    assert points[8] == pytest.approx(mesh[152])
    assert points[48] == pytest.approx(mesh[61])
    assert points[0] == pytest.approx(mesh[127])
    assert points[16] == pytest.approx(mesh[356])


@pytest.mark.parametrize(("turn", "right", "left"), [(0.5, 127, (372, 340)), (-0.5, (143, 111), 356), (-0.9, (143, 111), 356)])
def test_the_jaw_slides_on_the_side_that_turns_away(turn: float, right: Any, left: Any) -> None:
    mesh = np.random.Generator(np.random.Philox(3)).random((478, 2))
    rotation = LEVEL.copy()
    rotation[0, 2] = turn
    points = thin(mesh, rotation)
    assert points[0] == pytest.approx(np.atleast_2d(mesh[list(np.atleast_1d(right))]).mean(axis=0))
    assert points[16] == pytest.approx(np.atleast_2d(mesh[list(np.atleast_1d(left))]).mean(axis=0))


def test_without_the_package_it_says_what_to_install(make_source: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'occbench\[mediapipe\]'"):
        create("mediapipe", make_source())


def test_a_package_that_does_not_load_is_said(make_source: Sources, monkeypatch: pytest.MonkeyPatch, face: Face) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe.tasks.python", None)  # as if one of its libraries were missing
    monkeypatch.setattr("occbench.weights.find", lambda name, verify=True: Path("face_landmarker.task"))
    with pytest.raises(InputError, match="MediaPipe cannot be loaded"):
        mediapipe478._model(-1)


def test_a_missing_model_says_where_to_get_it(make_source: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if name == "mediapipe" else None)
    monkeypatch.delenv("OCCBENCH_WEIGHTS", raising=False)
    with pytest.raises(InputError, match=r"face_landmarker\.task"):
        create("mediapipe", make_source())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it needs none")
def test_missing_system_libraries_are_named_at_once(make_source: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("occbench.weights.find", lambda name, verify: Path("face_landmarker.task"))
    monkeypatch.setattr(mediapipe478, "_LIBRARIES", ("libc.so.6", "libnowhere.so.1"))
    with pytest.raises(InputError, match=r"libnowhere\.so\.1: .*libgles2"):
        create("mediapipe", make_source())


@pytest.fixture
def real(with_mediapipe: Path) -> Path:
    """The shared folder, where MediaPipe can be used."""
    return with_mediapipe


@pytest.mark.real
@pytest.mark.parametrize("factor", [0.4, 1.0, 5.0])
def test_the_real_model_finds_the_portrait(astronaut: Image, real: Path, make_source: Sources, face: Face, factor: float) -> None:
    image = np.asarray(cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = create("mediapipe", make_source()).detect(image, face)
    check(found.points, image.shape[1], image.shape[0])
    assert five_points(found.points) / factor == pytest.approx(FIVE, abs=6)


@pytest.mark.real
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (9000, 40), (40, 9000)])
def test_photographs_of_odd_shapes(real: Path, make_source: Sources, face: Face, shape: tuple[int, int]) -> None:
    with pytest.raises(Rejected, match="no-face"):
        Locator(make_source(), ["mediapipe"], None).locate(np.full((*shape, 3), 90, np.uint8), "abc", face)


@pytest.mark.real
def test_the_rotation_is_that_of_the_landmarks(real: Path) -> None:
    source = open_source("lfw", real / "data" / "lfw")
    detector, gaps, yaws = create("mediapipe", source), [], []
    for face in list(source.faces())[50::330]:
        found = detector.detect(decode(read_bytes(face.path)), face)
        assert found.mesh is not None
        told, fitted = Pose(found.mesh.rotation, 1.0, (0.0, 0.0)), estimate_pose(found.points)
        gaps.append((told.yaw - fitted.yaw, told.pitch - fitted.pitch, told.roll - fitted.roll))
        yaws.append((told.yaw, fitted.yaw))
        rows = np.array(found.mesh.rotation)
        assert rows @ rows.T == pytest.approx(np.eye(3), abs=1e-4)
    assert (np.median(np.abs(gaps), axis=0) < (3, 4, 2)).all()
    assert np.corrcoef(np.transpose(yaws))[0, 1] > 0.97


@pytest.mark.real
def test_lfw_is_found_and_agrees_with_dlib(real: Path) -> None:
    source = open_source("lfw", real / "data" / "lfw")
    faces = list(source.faces())[7::130]
    detector, other = create("mediapipe", source), create("dlib", source)
    gaps = []
    for face in faces:
        image = decode(read_bytes(face.path))
        try:
            found = detector.detect(image, face).points
            check(found, 250, 250)
            gaps.append(np.linalg.norm(found - other.detect(image, face).points, axis=1))
        except Rejected:
            pass
    assert len(gaps) >= 0.98 * len(faces)
    assert np.median(gaps) < 2.2


@pytest.mark.real
def test_faces_that_fill_the_frame_are_found(real: Path, make_source: Sources, face: Face) -> None:
    detector, found = create("mediapipe", make_source()), 0
    photographs = sorted((real / "data" / "natural" / "masked").glob("*.jpg"))[::4]
    for path in photographs:
        try:
            detector.detect(decode(read_bytes(path)), face)
            found += 1
        except Rejected:
            pass
    assert found >= 0.8 * len(photographs) > 0


# Prints whether processes find the same points as the one that started them: (photographs...).
SCRIPT = """
import sys
from pathlib import Path
from occbench.faces import Face, open_source
from occbench.images import decode, read_bytes
from occbench.landmarks import create
from occbench.processes import mapped

def located(path):
    source = open_source("folder", Path(path).parent)
    return create("mediapipe", source).detect(decode(read_bytes(Path(path))), next(source.faces())).points.tobytes()

if __name__ == "__main__":
    here = [located(path) for path in sys.argv[1:]]
    print(here == list(mapped(located, sys.argv[1:], 2)))
"""


@pytest.mark.real
def test_processes_agree_and_are_silent(real: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    paths = map(str, sorted((real / "data" / "lfw" / "lfw-deepfunneled").glob("A*/*_0001.jpg"))[:4])
    command = [sys.executable, str(tmp_path / "script.py"), *paths]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
