"""Views of a photograph, and whose face is taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.landmarks.subject import Box, View, choose

PHOTOGRAPH = np.random.Generator(np.random.Philox(3)).integers(0, 256, (300, 500, 3), dtype=np.uint8)


@given(st.floats(-100, 480), st.floats(-100, 280), st.floats(20, 600), st.floats(20, 600), st.integers(16, 800))
def test_boxes_survive_the_way_there_and_back(left: float, top: float, width: float, height: float, side: int) -> None:
    view = View.of(PHOTOGRAPH, (max(0, left), max(0, top), left + width, top + height), side)
    box = (10.0, 20.0, 130.0, 150.0)
    assert view.box_to_source(view.box_from_source(box)) == pytest.approx(box)
    assert max(view.pixels.shape) <= max(side, 3)


def test_a_view_without_reduction_is_the_photograph() -> None:
    view = View.of(PHOTOGRAPH, (100, 50, 200, 120), 1000)
    assert (view.pixels == PHOTOGRAPH[50:120, 100:200]).all()
    assert view.points_to_source([(0, 0)]).tolist() == [[100, 50]]


def test_points_at_pixel_centres_stay_there_when_reduced() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[120:124, 200:204] = 255  # one pixel of a view that is four times smaller
    view = View.of_centre(image, 1.0, 100)
    y, x = np.argwhere(view.pixels[..., 0] == 255)[0]
    assert view.points_to_source([(x, y)]).tolist() == [[201.5, 121.5]]


def test_the_centre_is_in_the_middle() -> None:
    view = View.of_centre(PHOTOGRAPH, 0.6, 1000)
    assert (view.left, view.top, view.pixels.shape) == (100, 60, (180, 300, 3))


SMALL_IN_THE_MIDDLE: Box = (110, 110, 150, 150)
LARGE_AT_THE_EDGE: Box = (0, 60, 100, 160)


def test_the_largest_face_is_taken() -> None:
    assert choose([SMALL_IN_THE_MIDDLE, LARGE_AT_THE_EDGE], 250, 250, centred=False) == 1


def test_the_face_nearest_the_centre_is_taken() -> None:
    assert choose([LARGE_AT_THE_EDGE, SMALL_IN_THE_MIDDLE], 250, 250, centred=True) == 1


def test_a_bystander_is_not_taken() -> None:
    assert choose([LARGE_AT_THE_EDGE], 250, 250, centred=True) is None


@pytest.mark.parametrize(("offset", "taken"), [(39, 0), (41, None)])
def test_the_centre_ends_at_40_px_of_250(offset: int, taken: int | None) -> None:
    assert choose([(75 + offset, 75, 175 + offset, 175)], 250, 250, centred=True) == taken


@pytest.mark.parametrize("centred", [False, True])
def test_no_faces_no_subject(centred: bool) -> None:
    assert choose([], 250, 250, centred) is None


@given(st.permutations([(90, 90, 130, 130), (120, 90, 160, 130), (90, 120, 130, 160), (120, 120, 160, 160)]), st.booleans())
def test_the_order_of_equally_good_faces_does_not_matter(boxes: list[Box], centred: bool) -> None:
    chosen = choose(boxes, 250, 250, centred)
    assert chosen is not None
    assert boxes[chosen] == (90, 90, 130, 130)
