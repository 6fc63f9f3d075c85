"""The aligned crop: the five points reach the template, and the resampling is antialiased and exact where it can be."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.landmarks.alignment import Matrix, apply, crop, crop_matrix, five_points, template
from occbench.landmarks.head import POINTS

Image = npt.NDArray[np.uint8]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def similarity(angle: float, scale: float, x: float, y: float) -> Matrix:
    c, s = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
    return (c, -s, x, s, c, y)


def noise(height: int, width: int) -> Image:
    return np.random.Generator(np.random.Philox(5)).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_five_points_of_68() -> None:
    points = np.zeros((68, 2))
    points[36:42], points[42:48], points[30], points[48], points[54] = (10, 20), (30, 20), (20, 30), (12, 40), (28, 40)
    assert five_points(points).tolist() == [[10, 20], [30, 20], [20, 30], [12, 40], [28, 40]]


def test_the_template_is_the_documented_one() -> None:
    eyes = template(128)[:2]
    assert eyes == pytest.approx(np.array([(46, 48), (82, 48)]), abs=0.2)


@given(st.sampled_from([64, 112, 128, 144, 256]))
def test_the_template_scales_about_the_corner_of_the_grid(size: int) -> None:
    assert (template(size) + 0.5) / size == pytest.approx((template(128) + 0.5) / 128)


@given(st.floats(-180, 180), st.floats(0.05, 20), st.floats(-2000, 2000), st.floats(-2000, 2000), st.sampled_from([64, 128, 256]))
def test_the_matrix_takes_a_moved_template_back_to_the_template(angle: float, scale: float, x: float, y: float, size: int) -> None:
    photograph = apply(similarity(angle, scale, x, y), template(size))
    moved_by_rounding = 1e-6 * (np.abs(photograph).sum() + 1)
    assert apply(crop_matrix(photograph, size), photograph) == pytest.approx(template(size), abs=moved_by_rounding)


@given(st.integers(0, 2**32 - 1))
def test_no_other_similarity_fits_better(seed: int) -> None:
    rng = np.random.Generator(np.random.Philox(seed))
    five = template(128) * 2 + rng.normal(0, 6, (5, 2))
    a, b, tx, c, d, ty = crop_matrix(five, 128)
    best = ((apply((a, b, tx, c, d, ty), five) - template(128)) ** 2).sum()
    da, db, dx, dy = rng.normal(0, 0.01, 4)
    other: Matrix = (a + da, b - db, tx + dx, c + db, d + da, ty + dy)
    assert ((apply(other, five) - template(128)) ** 2).sum() >= best - 1e-3


def test_five_identical_points_have_no_matrix() -> None:
    with pytest.raises(ValueError, match="identical"):
        crop_matrix(np.ones((5, 2)), 128)


@given(st.floats(-180, 180), st.floats(0.1, 5), st.floats(-9, 9), st.floats(-180, 180), st.floats(0.1, 5), st.floats(-9, 9))
def test_one_matrix_after_another(r1: float, s1: float, t1: float, r2: float, s2: float, t2: float) -> None:
    first, second = similarity(r1, s1, t1, -t1), similarity(r2, s2, t2, t2)
    a, b = (np.array([m[:3], m[3:], (0, 0, 1)]) for m in (first, second))
    both = (b @ a)[:2].ravel()
    points = POINTS[:, :2]
    assert apply(second, apply(first, points)) == pytest.approx(apply(tuple(both), points), abs=1e-6)


def test_the_crop_by_the_identity_is_the_photograph() -> None:
    image = noise(40, 60)
    assert (crop(image, IDENTITY, 60, 40) == image).all()


def test_a_shift_by_whole_pixels_is_exact() -> None:
    image = noise(40, 60)
    assert (crop(image, (1.0, 0.0, -7.0, 0.0, 1.0, -5.0), 30, 20) == image[5:25, 7:37]).all()


def test_a_quarter_turn_is_exact() -> None:
    image = noise(33, 33)
    assert (crop(image, (0.0, -1.0, 32.0, 1.0, 0.0, 0.0), 33, 33) == np.rot90(image, -1)).all()


def test_outside_the_frame_the_photograph_is_mirrored() -> None:
    image = noise(20, 20)
    moved = crop(image, (1.0, 0.0, 4.0, 0.0, 1.0, 0.0), 20, 20)
    assert (moved[:, :4] == image[:, 4:0:-1]).all()


def test_or_its_border_is_drawn_out() -> None:
    image = noise(20, 20)
    moved = crop(image, (1.0, 0.0, 4.0, 0.0, 1.0, 0.0), 20, 20, mirrored=False)
    assert (moved[:, :4] == image[:, :1]).all()
    assert (moved[:, 4:] == image[:, :-4]).all()


@pytest.mark.parametrize("factor", [2, 3, 4, 6, 10, 17])
def test_a_fine_checkerboard_becomes_gray(factor: int) -> None:
    y, x = np.mgrid[: 64 * factor, : 64 * factor]
    board = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    shift = (1 / factor - 1) / 2  # pixel corners fall on pixel corners
    small = crop(board, (1 / factor, 0.0, shift, 0.0, 1 / factor, shift), 64, 64).astype(int)
    assert abs(small[4:-4, 4:-4] - 127.5).max() <= 15  # nine pixels are never half black and half white


@given(st.floats(-180, 180), st.floats(1 / 9, 0.5))
def test_a_fine_checkerboard_becomes_gray_at_any_angle(angle: float, scale: float) -> None:
    y, x = np.mgrid[:400, :400]
    board = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    a, b, _, c, d, _ = similarity(angle, scale, 0, 0)
    middle = (a + b) * 199.5, (c + d) * 199.5
    small = crop(board, (a, b, 11.5 - middle[0], c, d, 11.5 - middle[1]), 24, 24).astype(float)
    assert small.std() < 30  # the board itself has 127.5


def test_a_constant_photograph_stays_constant() -> None:
    image = np.full((50, 70, 3), (10, 200, 77), np.uint8)
    assert (crop(image, similarity(33, 0.37, 5, 9), 40, 40) == (10, 200, 77)).all()


def test_a_photograph_far_away_is_still_a_crop() -> None:
    assert crop(noise(20, 20), (1.0, 0.0, 1e7, 0.0, 1.0, -1e7), 8, 8).shape == (8, 8, 3)


@pytest.mark.parametrize("matrix", [(0.0,) * 6, (1.0, 1.0, 0.0, 1.0, 1.0, 0.0), (math.nan, 0.0, 0.0, 0.0, 1.0, 0.0)])
def test_a_singular_matrix_is_refused(matrix: Matrix) -> None:
    with pytest.raises(ValueError, match="singular"):
        crop(noise(8, 8), matrix, 8, 8)
