"""From 5 points to 68."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import Rejected
from occbench.landmarks.alignment import five_points
from occbench.landmarks.fit import fit_five
from occbench.landmarks.head import POINTS, Pose

Array = npt.NDArray[np.float64]


@given(st.floats(-180, 180), st.floats(0.2, 5), st.floats(-100, 900), st.floats(-100, 900))
def test_the_average_head_is_recovered(angle: float, scale: float, x: float, y: float) -> None:
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    head = scale * POINTS[:, :2] @ np.array([[c, s], [-s, c]]) + (x, y)
    assert fit_five(five_points(head)) == pytest.approx(head, abs=1e-6)


def test_a_turned_head_is_recovered() -> None:
    turned = Pose(((0.8, 0.0, 0.6), (0.0, 1.0, 0.0), (-0.6, 0.0, 0.8)), 0.7, (120.0, 90.0)).project(POINTS)[0]
    assert fit_five(five_points(turned)) == pytest.approx(turned, abs=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_the_five_points_are_met(seed: int) -> None:
    five = five_points(POINTS)[:, :2] + np.random.Generator(np.random.Philox(seed)).normal(0, 3, (5, 2))
    assert np.abs(five_points(fit_five(five)) - five).max() < 4


@pytest.mark.parametrize("five", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.outer(np.arange(5.0), (1, 1))])
def test_points_that_are_no_face(five: Array) -> None:
    with pytest.raises(Rejected, match="bad-geometry"):
        fit_five(five)
