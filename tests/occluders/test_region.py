"""Hulls, boxes and antialiased polygons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import Rejected
from occbench.occluders import region

SQUARE = np.array([(10.0, 20.0), (29.0, 20.0), (29.0, 49.0), (10.0, 49.0)])


def test_hull_is_the_convex_hull() -> None:
    inside = region.hull([*SQUARE, (15, 30), (20, 21)], 64, 64)
    assert np.count_nonzero(inside) == 20 * 30
    assert inside[20:50, 10:30].all()


def test_hull_is_cut_at_the_frame() -> None:
    assert np.argwhere(region.hull(SQUARE, 12, 22)).tolist() == [[20, 10], [20, 11], [21, 10], [21, 11]]


def test_face_pixels_are_x_y() -> None:
    pixels = region.face_pixels(SQUARE, 64, 64)
    assert pixels.min(axis=0).tolist() == [10, 20]
    assert pixels.max(axis=0).tolist() == [29, 49]


def test_a_face_outside_the_frame_is_rejected() -> None:
    with pytest.raises(Rejected, match="outside"):
        region.face_pixels(SQUARE + 100, 64, 64)


@given(st.floats(-50, 200), st.floats(-50, 200), st.floats(0, 1e6), st.floats(0.01, 100), st.integers(1, 200), st.integers(1, 200))
def test_boxes_lie_inside_the_frame(x: float, y: float, area: float, aspect: float, width: int, height: int) -> None:
    box = region.box((x, y), area, aspect, width, height)
    assert region.stored_box(box, width, height) == box


@given(st.integers(20, 80), st.integers(20, 80), st.integers(1, 20), st.integers(1, 20))
def test_boxes_are_centred_to_the_pixel(x: int, y: int, width: int, height: int) -> None:
    left, top, w, h = region.box((x, y), width * height, width / height, 100, 100)
    assert (w, h) == (width, height)
    assert (left + (w - 1) / 2 - x, top + (h - 1) / 2 - y) == pytest.approx((0, 0), abs=0.5)


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 0, 5), (60, 0, 5, 5), (0, 0, 5, 65), (0, 0, 5), (0, 0, 5, "x")])
def test_stored_boxes_are_checked(box: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"no such box|not enough|invalid literal"):
        region.stored_box(box, 64, 64)


def test_coverage_of_whole_pixels_is_exact() -> None:
    # Pixel centres are integers, so this square's edges lie between pixels.
    alpha = region.coverage([np.array([(1.625, 1.625), (4.375, 1.625), (4.375, 3.375), (1.625, 3.375)])], (0, 0, 7, 6))
    expected = np.zeros((6, 7), np.uint8)
    expected[2:4, 2:5] = 255
    assert np.array_equal(alpha, expected)


def test_coverage_of_half_pixels_is_half() -> None:
    alpha = region.coverage([np.array([(2.125, 1.625), (4.375, 1.625), (4.375, 3.375), (2.125, 3.375)])], (0, 0, 7, 6))
    assert alpha[2, :].tolist() == [0, 0, 128, 255, 255, 0, 0]


def test_coverage_is_that_of_the_union() -> None:
    both = [SQUARE, SQUARE + 5]
    union = region.coverage(both, (0, 0, 64, 64)).astype(np.int32)
    first, second = (region.coverage([polygon], (0, 0, 64, 64)).astype(np.int32) for polygon in both)
    assert (union >= np.maximum(first, second)).all()
    assert (union <= np.minimum(first + second, 255) + 1).all()


def test_coverage_starts_at_the_corner_of_its_box() -> None:
    whole = region.coverage([SQUARE], (0, 0, 64, 64))
    assert np.array_equal(region.coverage([SQUARE], (12, 18, 30, 9)), whole[18:27, 12:42])


def test_coverage_of_a_circle() -> None:
    alpha = region.coverage([region.CIRCLE * 20 + 32], (0, 0, 64, 64))
    assert alpha.sum() / 255 == pytest.approx(np.pi * 400, rel=0.03)
    assert alpha[32, 32] == 255
    assert alpha[10, 10] == 0


@pytest.mark.parametrize("corner", [float("nan"), float("inf")])
def test_corners_are_numbers(corner: float) -> None:
    with pytest.raises(ValueError, match="not a number"):
        region.coverage([np.array([(0.0, 0.0), (5.0, corner), (5.0, 0.0)])], (0, 0, 8, 8))


def test_bounds_are_whole_pixels_inside_the_frame() -> None:
    assert region.bounds([np.array([(-3.0, 4.2), (7.9, 8.0)])], 64, 64) == (0, 4, 9, 5)


def test_what_lies_outside_the_frame_is_rejected() -> None:
    with pytest.raises(Rejected, match="outside"):
        region.bounds([SQUARE - 100], 64, 64)


def test_circle_is_round() -> None:
    assert region.CIRCLE.shape == (64, 2)
    assert np.allclose((region.CIRCLE**2).sum(axis=1), 1, atol=1e-15)
    assert np.allclose(np.degrees(np.arctan2(region.CIRCLE[:, 1], region.CIRCLE[:, 0])) % 360, np.arange(64) * 5.625)
