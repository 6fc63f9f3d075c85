"""The head model: poses are recovered, signs are those of the contract, things placed on it follow the face."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.landmarks.head import MESH, POINTS, FittedHead, estimate_pose

Array = npt.NDArray[np.float64]


def rotation(yaw: float, pitch: float, roll: float) -> Array:
    """Turn about the head's own z, then x, then y: degrees, image axes (x right, y down, z towards the camera)."""
    (cy, sy), (cp, sp), (cr, sr) = ((math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (yaw, pitch, roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def seen(yaw: float, pitch: float, roll: float, scale: float = 1.0, x: float = 0.0, y: float = 0.0) -> Array:
    return np.asarray(scale * (POINTS @ rotation(yaw, pitch, roll).T)[:, :2] + (x, y))


@given(
    st.floats(-70, 70), st.floats(-45, 45), st.floats(-170, 170), st.floats(0.2, 8), st.floats(-500, 3000), st.floats(-500, 3000)
)
def test_the_pose_of_projected_points_is_recovered(yaw: float, pitch: float, roll: float, scale: float, x: float, y: float) -> None:
    pose = estimate_pose(seen(yaw, pitch, roll, scale, x, y))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=1e-5)
    assert pose.scale == pytest.approx(scale, rel=1e-7)
    assert pose.origin == pytest.approx((x, y), abs=1e-5)


def test_yaw_is_positive_towards_the_right_of_the_image() -> None:
    assert seen(20, 0, 0)[30, 0] > seen(0, 0, 0)[30, 0]


def test_pitch_is_positive_upwards() -> None:
    assert seen(0, 20, 0)[30, 1] < seen(0, 0, 0)[30, 1]


def test_roll_is_positive_clockwise() -> None:
    eyes = seen(0, 0, 20)
    assert eyes[45, 1] > eyes[36, 1]  # the eye on the image's right sinks


@given(st.floats(-40, 40), st.floats(-30, 30), st.integers(0, 2**32 - 1))
def test_the_pose_survives_noise(yaw: float, pitch: float, seed: int) -> None:
    noisy = seen(yaw, pitch, 0) + np.random.Generator(np.random.Philox(seed)).normal(0, 1, (68, 2))
    pose = estimate_pose(noisy)
    assert (pose.yaw, pose.pitch) == pytest.approx((yaw, pitch), abs=4)


def test_the_rotation_is_orthonormal_for_a_distorted_face() -> None:
    rows = np.array(estimate_pose(seen(25, 10, 5) * (1.3, 0.8)).rotation)
    assert rows @ rows.T == pytest.approx(np.eye(3), abs=1e-12)


@pytest.mark.parametrize("points", [np.zeros((68, 2)), np.outer(np.arange(68.0), (1, 2))], ids=["one point", "a line"])
def test_degenerate_points_have_no_pose(points: Array) -> None:
    with pytest.raises(ValueError, match="no pose"):
        estimate_pose(points)


def test_the_model_is_symmetric() -> None:
    ears = POINTS[[0, 16]]
    assert ears[0] * (-1, 1, 1) == pytest.approx(ears[1])
    assert POINTS[36:48].mean(axis=0)[:2] == pytest.approx((0, 0), abs=0.2)


def test_things_placed_at_the_landmarks_appear_at_the_landmarks() -> None:
    points = seen(30, -10, 8, 2.0, 100, 120)
    placed, depth = FittedHead(points).place(POINTS)
    assert placed == pytest.approx(points, abs=1 / 256)
    assert depth == pytest.approx((POINTS @ rotation(30, -10, 8).T)[:, 2], abs=1e-4)


def test_things_follow_this_face_where_it_differs_from_the_average() -> None:
    points = seen(0, 0, 0, 2.0)
    points[4:13, 1] += 20  # a long jaw
    near_chin, near_brow = FittedHead(points).place([POINTS[8] + (0, -3, 0), POINTS[27]])[0]
    average_chin, average_brow = FittedHead(seen(0, 0, 0, 2.0)).place([POINTS[8] + (0, -3, 0), POINTS[27]])[0]
    assert near_chin[1] - average_chin[1] > 10
    assert abs(near_brow[1] - average_brow[1]) < 5


def test_placed_points_are_snapped() -> None:
    placed = FittedHead(seen(13, 7, 3, 1.234)).place([(1.0, 2.0, 3.0)])[0] * 256
    assert (placed == np.rint(placed)).all()


def seen_mesh(yaw: float, pitch: float, roll: float, scale: float = 1.0) -> Array:
    return np.asarray(scale * (MESH @ rotation(yaw, pitch, roll).T)[:, :2])


def test_the_mesh_is_symmetric() -> None:
    mirrored = MESH * (-1, 1, 1)
    assert sorted(map(tuple, mirrored.tolist())) == sorted(map(tuple, (MESH + 0.0).tolist()))


@given(st.floats(-60, 60), st.floats(-30, 30), st.floats(-90, 90), st.floats(0.3, 5), st.integers(0, 2**32 - 1))
def test_a_mesh_that_the_pose_explains_changes_nothing(yaw: float, pitch: float, roll: float, scale: float, seed: int) -> None:
    things = np.random.Generator(np.random.Philox(seed)).uniform(-80, 120, (20, 3))
    points = seen(yaw, pitch, roll, scale)
    plain, depth = FittedHead(points).place(things)
    placed, same_depth = FittedHead(points, seen_mesh(yaw, pitch, roll, scale)).place(things)
    assert placed == pytest.approx(plain, abs=1 / 128)
    assert (depth == same_depth).all()


@given(st.integers(0, len(MESH) - 1), st.floats(-20, 20), st.floats(-20, 20))
def test_things_follow_the_mesh_and_never_overshoot_it(which: int, dx: float, dy: float) -> None:
    mesh = seen_mesh(0, 0, 0, 2.0)
    moved = mesh.copy()
    moved[which] += (dx, dy)
    points = seen(0, 0, 0, 2.0)
    before = FittedHead(points, mesh).place(MESH)[0]
    after = FittedHead(points, moved).place(MESH)[0]
    share = (after - before) @ (dx, dy) / max(dx * dx + dy * dy, 1e-3)
    assert (share <= 1.01 + 0.02 / max(abs(dx) + abs(dy), 0.01)).all()
    assert share[which] == share.max() or abs(dx) + abs(dy) < 0.5


def test_the_mesh_stands_in_for_the_jaw() -> None:
    points = seen(0, 0, 0, 2.0)
    mesh = seen_mesh(0, 0, 0, 2.0)
    outline = points.copy()
    outline[[2, 14], 0] += 10  # an outline that has slid over the cheeks; the pose hardly changes
    at = POINTS[[2]]
    plain, outlined = (FittedHead(p).place(at)[0][0, 0] for p in (points, outline))
    with_mesh, outlined_with_mesh = (FittedHead(p, mesh).place(at)[0][0, 0] for p in (points, outline))
    assert outlined - plain > 4
    assert abs(outlined_with_mesh - with_mesh) < 1.5


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e9, -500.0])
def test_a_mesh_that_is_not_on_the_head_is_refused(wrong: float) -> None:
    mesh = seen_mesh(0, 0, 0, 2.0)
    mesh[3, 1] = wrong
    with pytest.raises(ValueError, match="mesh"):
        FittedHead(seen(0, 0, 0, 2.0), mesh)
