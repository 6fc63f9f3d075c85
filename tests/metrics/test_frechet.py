"""The Fréchet distance where covariances are singular, or nearly so."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.metrics.frechet import FID, FID_INCEPTION, SMALL, frechet, warning

Array = npt.NDArray[np.float64]


def normal(seed: int, count: int, size: int, rank: int | None = None) -> Array:
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (count, rank or size))
    return rows if rank is None else rows @ np.random.default_rng(99).normal(0, 1, (rank, size))


def in_high_precision(x: Array, y: Array) -> float:
    """Through 60 digits, in which singular covariances lose nothing."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        means, covariances = [], []
        for rows in (x, y):
            exact = mpmath.matrix(rows.tolist())
            mean = [mpmath.fsum(exact[:, k]) / exact.rows for k in range(exact.cols)]
            centred = mpmath.matrix([[exact[i, k] - mean[k] for k in range(exact.cols)] for i in range(exact.rows)])
            means.append(mean)
            covariances.append(centred.T * centred / (exact.rows - 1))
        values, vectors = mpmath.eigsy(covariances[0])
        root = vectors * mpmath.diag([mpmath.sqrt(max(v, 0)) for v in values]) * vectors.T
        inner = mpmath.eigsy(root * covariances[1] * root, eigvals_only=True)
        shared = mpmath.fsum(mpmath.sqrt(max(v, 0)) for v in inner)
        traces = mpmath.fsum(c[k, k] for c in covariances for k in range(c.rows))
        return float(mpmath.fsum((a - b) ** 2 for a, b in zip(*means, strict=True)) + traces - 2 * shared)


@pytest.mark.parametrize(("n", "m", "rank"), [(5, 7, None), (5, 40, None), (30, 40, 4), (4, 40, 4)])
def test_singular_covariances_keep_their_digits(n: int, m: int, rank: int | None) -> None:
    x, y = normal(0, n, 10, rank), 0.5 + 1.2 * normal(1, m, 10, rank)
    assert frechet(x, y) == pytest.approx(in_high_precision(x, y), rel=1e-12)


@pytest.mark.parametrize(("count", "rank"), [(300, None), (300, 20), (40, None), (2, None)])
def test_a_set_has_no_distance_from_itself(count: int, rank: int | None) -> None:
    x = normal(0, count, 100, rank)
    assert 0 <= frechet(x, x) <= 1e-9
    assert 0 <= frechet(x, x[::-1]) <= 1e-9


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 20),
    m=st.integers(2, 20),
    size=st.integers(1, 12),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_it_is_symmetric_and_scales_like_a_square(seed: int, n: int, m: int, size: int, scale: float) -> None:
    x, y = normal(seed, n, size), 0.3 + normal(seed + 1, m, size)
    distance = frechet(x, y)
    assert distance >= 0
    assert frechet(y, x) == pytest.approx(distance, rel=1e-9, abs=1e-9)
    assert frechet(scale * x, scale * y) == pytest.approx(scale**2 * distance, rel=1e-9, abs=1e-9 * scale**2)


def test_constant_features_differ_by_their_means_alone() -> None:
    assert frechet(np.ones((30, 4)), np.zeros((30, 4))) == 4
    assert frechet(np.ones((3, 4)), np.zeros((30, 4))) == 4


def test_a_set_of_half_precision_is_computed_in_double() -> None:
    x, y = normal(0, 200, 8).astype(np.float32), normal(1, 300, 8).astype(np.float32)
    assert frechet(x, y) == frechet(x.astype(np.float64), y.astype(np.float64))


def test_the_warning_says_what_to_read_instead() -> None:
    said = warning(SMALL - 1)
    assert said is not None
    assert "2047" in said.replace(",", "")
    assert "KID" in said
    assert warning(SMALL) is None


def test_signatures_name_features_and_resizing() -> None:
    """Traps T1 and T17."""
    assert "chip:150" in FID.signature
    assert "pillow-bicubic" in FID_INCEPTION.signature
    assert FID.signature != FID_INCEPTION.signature
