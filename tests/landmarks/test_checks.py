"""What is trusted as a face and what is not."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import Rejected
from occbench.faces import open_source
from occbench.images import decode, read_bytes
from occbench.landmarks import create
from occbench.landmarks.checks import check
from occbench.landmarks.head import POINTS, Pose

Array = npt.NDArray[np.float64]


def rejection(points: npt.ArrayLike, width: int = 200, height: int = 200) -> str:
    with pytest.raises(Rejected) as rejected:
        check(points, width, height)
    assert rejected.value.reason == "bad-geometry"
    return rejected.value.detail


@given(st.floats(-180, 180), st.floats(0.3, 5))
def test_the_average_face_passes_at_any_roll_and_size(angle: float, scale: float) -> None:
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    check(scale * POINTS[:, :2] @ np.array([[c, s], [-s, c]]) + (800, 800), 1600, 1600)


@pytest.mark.parametrize("turn", [(0.6, 0.8), (-0.6, 0.8)], ids=["right", "left"])
def test_a_face_turned_by_37_degrees_passes(turn: tuple[float, float]) -> None:
    s, c = turn
    check(Pose(((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c)), 0.7, (100.0, 90.0)).project(POINTS)[0], 200, 200)


@pytest.mark.parametrize("points", [np.zeros((67, 2)), np.full((68, 2), np.inf)], ids=["67", "infinite"])
def test_only_68_finite_points(points: Array) -> None:
    assert "68 finite" in rejection(points)


def test_not_a_number(frontal: Array) -> None:
    frontal[40, 1] = np.nan
    assert "68 finite" in rejection(frontal)


def test_faces_that_are_too_small(frontal: Array) -> None:
    assert "between the eyes" in rejection((frontal - (100, 90)) * 0.2 + (100, 90))


def test_a_mirrored_face(frontal: Array) -> None:
    assert "below the other" in rejection(frontal * (-1, 1) + (200, 0))


def test_points_in_another_order(frontal: Array) -> None:
    rejection(frontal[::-1])


def test_a_mouth_above_the_nose(frontal: Array) -> None:
    frontal[48:68, 1] -= 30
    assert "below the other" in rejection(frontal)


def test_a_mirrored_mouth(frontal: Array) -> None:
    frontal[48:60, 0] = 200 - frontal[48:60, 0]
    assert "mouth is mirrored" in rejection(frontal)


def test_a_collapsed_jaw(frontal: Array) -> None:
    frontal[:17, 0] = 100 + (frontal[:17, 0] - 100) * 0.3
    assert "jaw" in rejection(frontal)


def test_a_chin_far_away(frontal: Array) -> None:
    frontal[8, 1] = 90 + 42 * 6
    assert "chin" in rejection(frontal, 200, 400)


def test_a_face_outside_the_frame(frontal: Array) -> None:
    assert "outside the frame" in rejection(frontal + np.array((75, 0)))


def test_an_eye_outside_the_frame() -> None:
    turned = Pose(((0.6, 0.0, -0.8), (0.0, 1.0, 0.0), (0.8, 0.0, 0.6)), 0.7, (100.0, 90.0)).project(POINTS)[0]
    assert "an eye" in rejection(turned - np.array((turned[36:42, 0].mean() + 1, 0)))


def test_a_jaw_that_is_just_cut_off_passes(frontal: Array) -> None:
    check(frontal, 200, int(frontal[:, 1].max()) - 15)


def test_scattered_points(frontal: Array) -> None:
    scattered = frontal.copy()
    scattered[17:27] += (0, -60)
    scattered[0:5] += (-25, 25)
    assert "from any head" in rejection(scattered, 400, 400)


@pytest.mark.real
def test_every_face_that_dlib_finds_passes(shared: Path) -> None:
    source = open_source("lfw", shared / "data" / "lfw")
    detector, found = create("dlib", source), 0
    faces = list(source.faces())[::60]
    for face in faces:
        image = decode(read_bytes(face.path))
        try:
            points = detector.detect(image, face).points
        except Rejected:
            continue
        check(points, image.shape[1], image.shape[0])
        found += 1
    assert found >= 0.99 * len(faces)
