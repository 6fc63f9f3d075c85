"""KID and FID, against independent formulas."""

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg

from occbench.metrics.frechet import frechet, warning
from occbench.metrics.kid import intervals, kernel_sums, kid

Array = npt.NDArray[np.float64]


def normal(seed: int, count: int, size: int = 8, shift: float = 0.0) -> Array:
    return np.random.default_rng(seed).normal(shift, 1, (count, size))


def one_by_one(x: Array, y: Array) -> float:
    """The unbiased estimate, a pair at a time."""

    def kernel(a: Array, b: Array) -> float:
        return (float(np.dot(a, b)) / len(a) + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


@pytest.mark.parametrize(("n", "m"), [(2, 2), (17, 30), (40, 9)])
def test_kid_equals_the_sum_over_all_pairs(n: int, m: int) -> None:
    x, y = normal(0, n), normal(1, m, shift=0.3)
    assert kid(x, y) == pytest.approx(one_by_one(x, y), rel=1e-12, abs=1e-12)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(0, 50), normal(1, 31)
    whole = kid(x, y)
    monkeypatch.setattr("occbench.metrics.kid._BLOCK", 7)
    assert kid(x, y) == pytest.approx(whole, rel=1e-12)


def test_kid_is_unbiased() -> None:
    """Trap T3: negative values are right."""
    found = [kid(normal(2 * k, 40), normal(2 * k + 1, 40)) for k in range(300)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(300)
    assert min(found) < 0


def test_clusters_do_not_change_the_value() -> None:
    x, y = normal(0, 30), normal(1, 24)
    sums = kernel_sums(x, np.arange(30) // 3, y, np.arange(24) // 3)
    assert sums.distance() == pytest.approx(kid(x, y), rel=1e-12)


def test_the_interval_covers_the_truth() -> None:
    """Persons with several images in both sets; the truth is the mean over many worlds."""

    def world(seed: int) -> tuple[Array, Array, npt.NDArray[np.int64]]:
        rng = np.random.default_rng(seed)
        persons = np.repeat(np.arange(40), 3)
        centres = rng.normal(0, 0.7, (40, 6))[persons]
        return centres + rng.normal(0.25, 0.7, (120, 6)), centres + rng.normal(0, 0.7, (120, 6)), persons

    truth = np.mean([kid(*world(seed)[:2]) for seed in range(10_000, 10_400)])
    inside = 0
    for seed in range(200):
        x, y, persons = world(seed)
        low, high = intervals(kernel_sums(x, persons, y, persons), seed=seed)
        inside += low <= truth <= high
    assert 0.90 <= inside / 200 <= 0.99


def test_a_paired_difference_is_surer_than_two_intervals() -> None:
    y, persons = normal(0, 120), np.repeat(np.arange(40), 3)
    x = y + normal(1, 120) * 0.3
    near, far = (kernel_sums(z, persons, y, persons) for z in (x + 0.2, x + 0.3))
    low, high = intervals(near, far, seed=0)
    assert low < far.distance() - near.distance() < high
    widths = [np.subtract(*intervals(sums, seed=0)[::-1]) for sums in (near, far)]
    assert high - low < sum(widths)


@pytest.mark.parametrize("size", [3, 16])
def test_the_frechet_distance_equals_scipys(size: int) -> None:
    rng = np.random.default_rng(size)
    x, y = (
        rng.normal(0, 1, (400, size)) @ rng.normal(0, 1, (size, size)),
        rng.normal(0.5, 1, (300, size)) @ rng.normal(0, 1, (size, size)),
    )
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.real(scipy.linalg.sqrtm(a @ b))
    wanted = float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root))
    assert frechet(x, y) == pytest.approx(wanted, rel=1e-6)


def test_singular_covariances_have_a_distance() -> None:
    x, y = normal(0, 5, 64), normal(1, 7, 64)
    assert np.isfinite(frechet(x, y))
    assert frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert frechet(x, y) == pytest.approx(frechet(y, x), rel=1e-6)


def test_few_images_inflate_fid_but_not_kid() -> None:
    """Trap T2: two samples of one distribution."""
    fids = [np.mean([frechet(normal(2 * k, n, 32), normal(2 * k + 1, n, 32)) for k in range(5)]) for n in (50, 200, 1000)]
    assert fids[0] > 3 * fids[1] > 9 * fids[2]
    assert warning(300) is not None
    assert warning(2048) is None


@pytest.mark.parametrize("function", [kid, frechet])
def test_bad_shapes_are_refused(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match=r"needed|needs"):
        function(normal(0, 1), normal(1, 9))
    with pytest.raises(ValueError, match="one length"):
        function(normal(0, 9, 4), normal(1, 9, 5))
