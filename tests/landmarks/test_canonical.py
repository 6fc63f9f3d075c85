"""Average geometry in the mean face box."""

from collections.abc import Callable

import numpy as np
import pytest

from occbench.errors import UsageError
from occbench.faces import Face, Source
from occbench.landmarks import create
from occbench.landmarks.checks import check
from occbench.landmarks.head import estimate_pose

Sources = Callable[..., Source]
LFW_BOX = (0.286, 0.321, 0.709, 0.744)


@pytest.mark.parametrize("size", [100, 250, 999])
def test_the_average_face_fills_the_box(make_source: Sources, face: Face, size: int) -> None:
    image = np.zeros((size, size, 3), np.uint8)
    found = create("canonical", make_source(mean_box=LFW_BOX)).detect(image, face)
    check(found.points, size, size)
    pose = estimate_pose(found.points)
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((0, 0, 0), abs=1e-6)
    assert found.points[[17, 26], 0] / size == pytest.approx(LFW_BOX[::2], abs=0.08)  # brows reach across the box
    assert found.points[[19, 8], 1] / size == pytest.approx(LFW_BOX[1::2], abs=0.08)  # from the brows to the chin


def test_it_carries_a_warning(make_source: Sources, face: Face) -> None:
    found = create("canonical", make_source(mean_box=LFW_BOX)).detect(np.zeros((9, 9, 3), np.uint8), face)
    assert found.warnings == ("average-geometry",)


def test_it_needs_a_mean_box(make_source: Sources) -> None:
    with pytest.raises(UsageError, match="'fake' knows no mean face box"):
        create("canonical", make_source())
