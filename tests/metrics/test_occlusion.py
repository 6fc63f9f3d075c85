"""Overlap and probability of predicted occlusions."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from occbench.metrics.occlusion import brier, f1, iou

masks = arrays(np.uint8, (6, 6), elements=st.integers(0, 255))


def mask(*pixels: int) -> npt.NDArray[np.uint8]:
    out = np.zeros(16, np.uint8)
    out[list(pixels)] = 255
    return out.reshape(4, 4)


def test_a_worked_example() -> None:
    truth, guess = mask(0, 1, 2, 3), mask(2, 3, 4, 5)
    assert iou(guess, truth) == pytest.approx(2 / 6)
    assert f1(guess, truth) == pytest.approx(4 / 8)
    assert brier(guess, truth) == pytest.approx(4 / 16)


def test_nothing_against_nothing_is_right() -> None:
    assert iou(mask(), mask()) == f1(mask(), mask()) == 1
    assert iou(mask(1), mask()) == f1(mask(), mask(1)) == 0


@given(masks, masks)
def test_f1_and_iou_are_one_ordering(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> None:
    assert f1(a, b) == pytest.approx(2 * iou(a, b) / (1 + iou(a, b)))
    assert iou(a, b) == iou(b, a)
    assert 0 <= brier(a, b) <= 1


def test_probabilities_count() -> None:
    assert brier(np.full((4, 4), 51, np.uint8), mask()) == pytest.approx(0.2**2)
