"""Plain errors: ranges, and what is a mean and what a sum."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import mean_squared_error

from occbench.metrics.errors import L1, MSE, SSE, l1, mse, sse

Image = npt.NDArray[np.uint8]


def noise(seed: int, size: int = 24) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3)).astype(np.uint8)


def test_means_are_per_value() -> None:
    a, b = noise(0), noise(1)
    assert mse(a, b) == pytest.approx(mean_squared_error(a / 255, b / 255), rel=1e-12)
    assert l1(a, b) == pytest.approx(np.abs(a / 255 - b / 255).mean(), rel=1e-12)


def test_the_sum_is_that_of_the_context_encoder() -> None:
    """Its reference value: an error of 0.1 in a hole of 42×42 px is 52.92; here 0.2 and four times as much."""
    clean = np.full((128, 128, 3), 100, np.uint8)
    prediction = clean.copy()
    prediction[43:85, 43:85] += 51
    assert sse(prediction, clean) == pytest.approx(4 * 52.92, rel=1e-12)


@given(st.integers(0, 99), st.integers(1, 23))
def test_a_sum_adds_up_over_parts(seed: int, cut: int) -> None:
    a, b = noise(seed), noise(seed + 100)
    assert sse(a, b) == pytest.approx(sse(a[:cut], b[:cut]) + sse(a[cut:], b[cut:]), rel=1e-12)
    assert sse(a, b) == pytest.approx(mse(a, b) * a.size, rel=1e-12)


@given(st.integers(0, 99))
def test_order_and_signs_do_not_matter(seed: int) -> None:
    a, b = noise(seed), noise(seed + 100)
    assert l1(a, b) == l1(b, a) == l1(255 - a, 255 - b)
    assert 0 <= mse(a, b) <= l1(a, b) <= 1


def test_a_region_counts_alone() -> None:
    prediction, clean = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)
    prediction[0, 0], prediction[5, 5] = 51, 255
    region = np.zeros((8, 8), np.bool_)
    region[0, :2] = True
    assert l1(prediction, clean, region) == pytest.approx(0.1, rel=1e-12)
    assert mse(prediction, clean, region) == pytest.approx(0.02, rel=1e-12)
    assert math.isnan(l1(prediction, clean, ~np.ones((8, 8), np.bool_)))


@pytest.mark.parametrize("function", [l1, mse, sse])
@pytest.mark.parametrize("other", [np.zeros((8, 1, 3), np.uint8), np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8)])
def test_what_cannot_be_compared_is_refused(function: object, other: Image) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="uint8"):
        function(other, np.zeros((8, 8, 3), np.uint8))


def test_errors_are_better_when_small() -> None:
    assert not any(metric.higher_is_better for metric in (L1, MSE, SSE))
    assert all("range:1" in metric.signature for metric in (L1, MSE, SSE))
