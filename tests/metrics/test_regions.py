"""The one rule of regions."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from occbench.metrics import REGIONS
from occbench.metrics.regions import regions


@pytest.mark.parametrize(("shape", "radius"), [((64, 64), 4), ((128, 128), 8), ((256, 256), 16), ((100, 256), 16), ((20, 9), 1)])
def test_the_ring_is_what_lies_within_the_stated_distance(shape: tuple[int, int], radius: int) -> None:
    alpha = np.random.default_rng(0).choice(np.array([0, 127, 128, 255], np.uint8), shape, p=[0.99, 0.005, 0.004, 0.001])
    where = regions(alpha)
    distance = distance_transform_edt(alpha < 128)
    assert np.array_equal(where["ring"], (distance > 0) & (distance <= radius))


def test_the_frame_is_no_occluder() -> None:
    alpha = np.zeros((128, 128), np.uint8)
    alpha[0, 0] = 255
    assert not regions(alpha)["ring"][60:, 60:].any()
    assert not regions(np.full((128, 128), 255, np.uint8))["ring"].any()


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_each_level_of_alpha_belongs_where_the_rule_says(alpha: npt.NDArray[np.uint8]) -> None:
    where = regions(alpha)
    assert tuple(where) == REGIONS
    assert np.array_equal(where["mask"], alpha >= 128)
    assert np.array_equal(where["visible"], alpha == 0)
    assert where["full"].all()
    assert not (where["ring"] & where["mask"]).any()


@pytest.mark.parametrize("alpha", [np.zeros((8, 8), np.bool_), np.zeros((8, 8)), np.zeros((8, 8, 1), np.uint8)])
def test_other_masks_are_refused(alpha: npt.NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"is \(H, W\) uint8"):
        regions(alpha)
