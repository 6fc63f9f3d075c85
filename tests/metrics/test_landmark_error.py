"""Distances of landmarks in units of the eyes."""

import numpy as np
import pytest

from occbench.metrics.landmark_error import landmark_error


def test_a_shift_in_eye_distances() -> None:
    truth = np.random.default_rng(0).uniform(0, 100, (3, 68, 2))
    truth[:, 36], truth[:, 45] = (20.0, 40.0), (80.0, 40.0)
    assert landmark_error(truth + np.array([3.0, 4.0]), truth) == pytest.approx([5 / 60] * 3)
    assert landmark_error(2 * truth + 6, 2 * truth) == pytest.approx([np.hypot(6, 6) / 120] * 3)


def test_without_eyes_there_is_no_unit() -> None:
    truth = np.zeros((1, 68, 2))
    assert np.isnan(landmark_error(truth + 1, truth)[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_were_not_found_have_no_error(value: float) -> None:
    truth = np.random.default_rng(0).uniform(0, 100, (2, 68, 2))
    not_found = truth.copy()
    not_found[0, 7, 1] = value
    assert np.isnan(landmark_error(not_found, truth)).tolist() == [True, False]
    assert np.isnan(landmark_error(truth, not_found)).tolist() == [True, False]


def test_it_equals_a_loop() -> None:
    found, truth = np.random.default_rng(0).uniform(0, 100, (2, 5, 68, 2))
    for k, error in enumerate(landmark_error(found, truth)):
        apart = [np.linalg.norm(a - b) for a, b in zip(found[k], truth[k], strict=True)]
        assert error == pytest.approx(np.mean(apart) / np.linalg.norm(truth[k, 36] - truth[k, 45]), rel=1e-12)
