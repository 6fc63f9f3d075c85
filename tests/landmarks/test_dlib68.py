"""dlib: the right face, at any size, the same points every time."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError, Rejected, UsageError
from occbench.faces import Face, Source
from occbench.landmarks import create
from occbench.landmarks.alignment import five_points
from occbench.landmarks.checks import check

Image = npt.NDArray[np.uint8]
Sources = Callable[..., Source]

# Eyes, nose tip and mouth corners in the portrait, read off the photograph.
FIVE = np.array([(203, 102), (247, 103), (225, 127), (202, 141), (245, 141)])
BOX = (179, 83, 267, 171)


def test_the_face_is_found(astronaut: Image, make_source: Sources, face: Face) -> None:
    found = create("dlib", make_source()).detect(astronaut, face)
    assert five_points(found.points) == pytest.approx(FIVE, abs=4)
    check(found.points, 512, 512)


def test_twice_the_same(astronaut: Image, make_source: Sources, face: Face) -> None:
    first, second = (create("dlib", make_source()).detect(astronaut, face).points for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("factor", [0.4, 2.0, 6.0], ids=["small", "large", "huge"])
def test_the_face_is_found_at_any_size(astronaut: Image, make_source: Sources, face: Face, factor: float) -> None:
    image = np.asarray(cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = create("dlib", make_source()).detect(image, face)
    assert five_points(found.points) / factor == pytest.approx(FIVE, abs=5)


def test_a_photograph_without_a_face(make_source: Sources, face: Face) -> None:
    with pytest.raises(Rejected) as rejected:
        create("dlib", make_source()).detect(np.full((250, 250, 3), 128, np.uint8), face)
    assert rejected.value.reason == "no-face"


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (9000, 40), (40, 9000)])
@pytest.mark.parametrize("centred", [False, True])
def test_photographs_of_odd_shapes(make_source: Sources, face: Face, shape: tuple[int, int], centred: bool) -> None:
    with pytest.raises(Rejected, match="no-face"):
        create("dlib", make_source(centred=centred)).detect(np.full((*shape, 3), 90, np.uint8), face)


def two_faces(astronaut: Image) -> Image:
    """A small face in the middle, a larger one beside it: (400, 400, 3)."""
    image = np.full((400, 400, 3), 200, np.uint8)
    head = astronaut[40:220, 140:300]
    image[110:290, 120:280] = head
    image[0:225, 0:120] = cv2.resize(head, (200, 225), interpolation=cv2.INTER_LINEAR)[:, 40:160]
    return image


def test_the_centred_face_is_taken_and_not_the_larger_one(astronaut: Image, make_source: Sources, face: Face) -> None:
    points = create("dlib", make_source(centred=True)).detect(two_faces(astronaut), face).points
    assert points.mean(axis=0) == pytest.approx((200, 200), abs=25)


def test_the_larger_face_is_taken_where_nobody_is_the_centre(astronaut: Image, make_source: Sources, face: Face) -> None:
    points = create("dlib", make_source()).detect(two_faces(astronaut), face).points
    assert points[:, 0].max() < 150


def test_a_bystander_is_refused(astronaut: Image, make_source: Sources, face: Face) -> None:
    with pytest.raises(Rejected, match="near the centre"):
        create("dlib", make_source(centred=True)).detect(astronaut, face)  # the face is 100 px above the middle


def test_inside_the_mean_box(astronaut: Image, make_source: Sources, face: Face) -> None:
    left, top, right, bottom = (edge / 512 for edge in BOX)
    found = create("dlib-box", make_source(mean_box=(left, top, right, bottom))).detect(astronaut, face)
    assert five_points(found.points) == pytest.approx(FIVE, abs=4)


def test_dlib_box_needs_a_mean_box(make_source: Sources) -> None:
    with pytest.raises(UsageError, match="'fake' knows no mean face box"):
        create("dlib-box", make_source())


def test_signatures_tell_rules_and_boxes_apart(make_source: Sources) -> None:
    detectors = [
        create("dlib", make_source()),
        create("dlib", make_source(centred=True)),
        create("dlib-box", make_source(mean_box=(0.3, 0.3, 0.7, 0.7))),
        create("dlib-box", make_source(mean_box=(0.3, 0.3, 0.7, 0.71))),
    ]
    assert len({d.signature for d in detectors}) == 4


def test_a_missing_model_is_said_before_any_photograph(
    make_source: Sources, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("occbench.weights.places", lambda name: [tmp_path / "nowhere.dat"])
    with pytest.raises(InputError, match=r"nowhere\.dat"):
        create("dlib", make_source())


def test_the_package_of_the_model_is_not_imported() -> None:
    code = "import sys; from occbench import weights; weights.find('dlib68'); sys.exit('face_recognition_models' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
