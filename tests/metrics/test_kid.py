"""KID on what scoring gives it: several restorations a photograph, several photographs a person, the same persons in both sets."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.metrics.kid import KID, Clusters, Sums, intervals, kernel_sums, kid

Array = npt.NDArray[np.float64]
World = tuple[Array, Array, Clusters, Array, Clusters]


def world(seed: int, persons: int = 80) -> World:
    """Restorations, the occluded input, their persons, clean photographs, their persons."""
    rng = np.random.default_rng(seed)
    of_photo = np.repeat(np.arange(persons), 2)
    clean = 1 + rng.normal(0, 0.7, (persons, 12))[of_photo] + rng.normal(0, 0.5, (2 * persons, 12))
    occluded = np.repeat(clean, 2, axis=0) + rng.normal(0.35, 0.3, (4 * persons, 12))
    restored = np.repeat(clean, 2, axis=0) + rng.normal(0.15, 0.3, (4 * persons, 12))
    return restored, occluded, np.repeat(of_photo, 2), clean, of_photo


def both(seed: int) -> tuple[Sums, Sums]:
    restored, occluded, persons, clean, of_photo = world(seed)
    return kernel_sums(restored, persons, clean, of_photo), kernel_sums(occluded, persons, clean, of_photo)


def truths(seeds: range) -> Iterator[tuple[float, float]]:
    for seed in seeds:
        near, far = (sums.distance() for sums in both(seed))
        yield near, far - near


@pytest.mark.slow
def test_intervals_of_value_and_gain_cover_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occbench.metrics.kid._BLOCK", 128)  # products too small for the threads of a BLAS, which cost more here
    monkeypatch.setattr("occbench.metrics.kid._DRAWS", 40)
    value, gain = np.mean(list(truths(range(10_000, 10_400))), axis=0)
    inside = []
    for seed in range(300):
        near, far = both(seed)
        (low, high), (gain_low, gain_high) = intervals(near, seed=seed), intervals(near, far, seed=seed)
        inside.append((low <= value <= high, gain_low <= gain <= gain_high))
    assert np.mean(inside, axis=0) == pytest.approx([0.95, 0.95], abs=0.03)


def test_an_interval_holds_its_own_value_even_where_nothing_was_changed() -> None:
    """Each restoration is compared with its own clean photograph among others: copies of a person must not multiply that."""
    _, _, _, clean, persons = world(0)
    sums = kernel_sums(clean, persons, clean, persons)
    low, high = intervals(sums, seed=0)
    assert sums.distance() < 0  # unbiased for independent sets; a set and itself are closer than those
    assert low < sums.distance() < high


def resampled(x: Array, a: Clusters, y: Array, b: Clusters, weights: npt.NDArray[np.int64]) -> float:
    """The estimate of a resample, a pair at a time: each copy of a cluster is a cluster of its own."""

    def mean(p: Array, q: Array, of_p: Clusters, of_q: Clusters, *, same: bool) -> float:
        total, pairs = 0.0, 0
        for i, u in enumerate(p):
            for j, v in enumerate(q):
                times = weights[of_p[i]] if of_p[i] == of_q[j] else weights[of_p[i]] * weights[of_q[j]]
                if not (same and i == j):
                    total += times * (float(u @ v) / len(u) + 1) ** 3
                    pairs += times
        return total / pairs

    return mean(x, x, a, a, same=True) + mean(y, y, b, b, same=True) - 2 * mean(x, y, a, b, same=False)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), block=st.sampled_from([3, 8, 1024]))
def test_a_resample_equals_the_sum_over_its_pairs(seed: int, block: int) -> None:
    """Also with clusters that one of the sets lacks, in any order of the images."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 1, (14, 5)), rng.normal(0.4, 1, (11, 5))
    a, b = rng.integers(0, 6, 14), rng.integers(1, 7, 11)
    a[0], b[0] = 0, 6
    weights = rng.integers(1, 4, 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("occbench.metrics.kid._BLOCK", block)
        found = kernel_sums(x, a, y, b).resampled(weights[None, :].astype(np.float64))[0]
    assert found == pytest.approx(resampled(x, a, y, b, weights), rel=1e-12, abs=1e-12)


def test_short_features_keep_their_digits() -> None:
    """Descriptors of length about 1: all kernel values are near 1, and differences of interest a thousandth of that."""
    rng = np.random.default_rng(0)
    x, y = (np.asarray(rng.normal(shift, 0.1, (200, 128))) for shift in (0.0, 0.01))
    t = [(p.astype(np.longdouble) @ q.T.astype(np.longdouble)) / 128 for p, q in ((x, x), (y, y), (x, y))]
    k = [(u + 1) ** 3 for u in t]
    within = [(u.sum() - np.trace(u)) / (200 * 199) for u in k[:2]]
    wanted = float(sum(within) - 2 * k[2].sum() / 200**2)
    assert kid(x, y) == pytest.approx(wanted, rel=1e-12)


def test_the_order_of_images_does_not_matter() -> None:
    restored, _, persons, clean, of_photo = world(1, 20)
    order = np.random.default_rng(0).permutation(len(restored))
    straight, shuffled = (kernel_sums(restored[k], persons[k], clean, of_photo) for k in (slice(None), order))
    assert shuffled.distance() == pytest.approx(straight.distance(), rel=1e-12)
    assert intervals(shuffled, seed=0) == pytest.approx(intervals(straight, seed=0), rel=1e-9)


def test_an_interval_depends_on_the_seed_alone() -> None:
    sums = both(0)[0]
    assert intervals(sums, seed=5) == intervals(sums, seed=5) != intervals(sums, seed=6)


def test_few_persons_have_no_interval() -> None:
    restored, _, persons, clean, of_photo = world(0, 9)
    assert np.isnan(intervals(kernel_sums(restored, persons, clean, of_photo), seed=0)).all()


def test_many_persons_share_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    restored, _, persons, clean, of_photo = world(0)
    alone = kernel_sums(restored, persons, clean, of_photo)
    monkeypatch.setattr("occbench.metrics.kid._CLUSTERS", 30)
    shared = kernel_sums(restored, persons, clean, of_photo)
    assert shared.xx.shape == (30, 30)
    assert shared.distance() == pytest.approx(alone.distance(), rel=1e-12)
    widths = [np.subtract(*intervals(sums, seed=0)) for sums in (alone, shared)]
    assert 0.6 < widths[1] / widths[0] < 1.6


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    peaks = []
    for count in (3000, 6000):
        x, one = np.zeros((count, 4)), np.zeros(count, np.int64)
        tracemalloc.start()
        kernel_sums(x, one, x, one)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 60 << 20


def test_the_signature_names_the_kernel() -> None:
    assert "(x.y/d+1)^3" in KID.signature
    assert "unbiased" in KID.signature
