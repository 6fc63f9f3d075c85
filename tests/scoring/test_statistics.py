"""Intervals: they hold the truth as often as they say, for images that come in persons, and no digit depends on chance."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from occbench.scoring import statistics
from occbench.scoring.statistics import Interval, bounds, mean_interval, ratio_interval, resampled
from occbench.seeding import generator

Array = npt.NDArray[Any]
Sample = tuple[Array, Array]  # sums and counts by identity


def _normal(draw: np.random.Generator, size: int) -> Array:
    return draw.normal(size=size)


def _skewed(draw: np.random.Generator, size: int) -> Array:
    return draw.exponential(size=size) - 1


def sample(draw: np.random.Generator, counts: Array, person: Callable[[np.random.Generator, int], Array] = _normal) -> Sample:
    """Values of mean 0 and an intra-cluster correlation of one half, as sums by cluster."""
    return counts * person(draw, len(counts)) + np.sqrt(counts) * draw.normal(size=len(counts)), counts


def covered(samples: list[Sample], **options: Any) -> float:
    """In percent, how many intervals hold 0."""
    found = [ratio_interval(*one, seed=0, **options) for one in samples]
    return 100 * float(np.mean([i.low is not None and i.high is not None and i.low <= 0 <= i.high for i in found]))


def of_clusters(draw: np.random.Generator, clusters: int) -> Array:
    return 1 + draw.geometric(0.3, clusters)


@pytest.mark.parametrize("clusters", [30, 100, 400])
def test_intervals_hold_the_mean_95_times_of_100(clusters: int) -> None:
    draw = generator(1, "coverage", clusters)
    assert 93 <= covered([sample(draw, of_clusters(draw, clusters)) for _ in range(1500)]) <= 97


@pytest.mark.parametrize("clusters", [100, 400])
def test_intervals_hold_the_mean_of_skewed_values(clusters: int) -> None:
    draw = generator(1, "skewed coverage", clusters)
    assert 93 <= covered([sample(draw, of_clusters(draw, clusters), _skewed) for _ in range(1500)]) <= 97


def test_intervals_hold_the_mean_where_a_few_people_have_many_images() -> None:
    """Sizes as in LFW: most people have one photograph, one has hundreds."""
    draw = generator(1, "long tail")
    counts = np.minimum(np.ceil(draw.pareto(1.3, 1000)), 150)
    assert 92.5 <= covered([sample(draw, counts) for _ in range(800)]) <= 97


def test_intervals_of_a_stratum_that_few_people_have() -> None:
    draw = generator(1, "stratum")
    counts = np.zeros(300)
    counts[::20] = 1 + np.arange(15) % 3
    assert 92.5 <= covered([sample(draw, counts) for _ in range(1500)]) <= 98


def test_another_level_is_held_too() -> None:
    draw = generator(1, "level")
    assert 78 <= covered([sample(draw, of_clusters(draw, 100)) for _ in range(1500)], level=0.8) <= 82


def test_resampling_images_instead_of_people_is_far_too_sure() -> None:
    draw, people, images, runs = generator(1, "naive"), 0, 0, 300
    for _ in range(runs):
        counts = of_clusters(draw, 100)
        cluster = np.repeat(np.arange(100), counts)
        values = draw.normal(size=100)[cluster] + draw.normal(size=len(cluster))
        for naive, clusters in ((False, cluster), (True, np.arange(len(cluster)))):
            found = mean_interval(values, clusters, seed=0, resamples=1000)
            assert found.low is not None
            assert found.high is not None
            images += naive and found.low <= 0 <= found.high
            people += not naive and found.low <= 0 <= found.high
    assert people / runs > 0.92
    assert images / runs < 0.80


def test_an_explicit_loop_finds_the_same_interval() -> None:
    draw = generator(2, "loop")
    groups = [draw.normal(size=size) + draw.normal() for size in of_clusters(draw, 400)]
    means = []
    for _ in range(4000):
        picked = [groups[k] for k in draw.integers(0, len(groups), len(groups))]
        means.append(np.concatenate(picked).mean())
    cluster = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    found = mean_interval(np.concatenate(groups), cluster, seed=0, resamples=4000)
    # Quantiles of 4,000 draws have a standard error of 4 % of the standard deviation; the expansion for 250 clusters adds 0.5 %.
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.2 * float(np.std(means)))


def test_few_clusters_have_wider_intervals_than_plain_percentiles() -> None:
    drawn = generator(3, "drawn").normal(size=100_000)
    few, many = bounds(drawn, np.ones(10)), bounds(drawn, np.ones(10_000))
    assert few is not None
    assert many is not None
    assert many[1] == pytest.approx(1.96, abs=0.03)
    assert few[1] == pytest.approx(np.sqrt(10 / 9) * stats.t.ppf(0.975, 9), abs=0.05)


def test_one_huge_cluster_counts_as_few() -> None:
    drawn = generator(3, "drawn").normal(size=10_000)
    assert bounds(drawn, np.array([1000.0, *np.ones(50)])) == (drawn.min(), drawn.max())


@pytest.mark.parametrize("freedom", [2.0, 3.5, 10.0, 200.0])
def test_students_quantiles(freedom: float) -> None:
    assert statistics._student(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.01)


def test_value_and_n_leave_nan_out() -> None:
    found = mean_interval([1.0, np.nan, 3.0, 8.0, np.nan], [0, 0, 1, 1, 2], seed=0)
    assert (found.value, found.n) == (4.0, 3)


def test_nan_changes_nothing_but_the_count_of_its_identity() -> None:
    values, clusters = np.arange(40.0), np.repeat(np.arange(10), 4)
    values[[3, 17, 18]] = np.nan
    sums = [np.nansum(values[clusters == k]) for k in range(10)]
    counts = [int((~np.isnan(values[clusters == k])).sum()) for k in range(10)]
    assert mean_interval(values, clusters, seed=5) == ratio_interval(sums, counts, seed=5)


@pytest.mark.parametrize(
    ("sums", "counts", "expected"),
    [
        ([], [], Interval(None, None, None, 0)),
        ([0.0, 0.0], [0, 0], Interval(None, None, None, 0)),
        ([6.0], [3], Interval(2.0, None, None, 3)),
        ([6.0, 0.0, 0.0], [3, 0, 0], Interval(2.0, None, None, 3)),
    ],
    ids=["nothing", "only empty", "one", "one that has values"],
)
def test_fewer_than_two_clusters_have_no_interval(sums: list[float], counts: list[int], expected: Interval) -> None:
    assert ratio_interval(sums, counts, seed=0) == expected


def test_no_values_have_no_interval() -> None:
    assert mean_interval([], [], seed=0) == mean_interval([np.nan, np.nan], [0, 1], seed=0) == Interval(None, None, None, 0)


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert ratio_interval([2.0, 4.0, 6.0], [1, 2, 3], seed=0) == Interval(2.0, 2.0, 2.0, 6)


def test_two_clusters_of_many_have_finite_ends() -> None:
    """Resamples without either of them have no mean, and must not count."""
    counts = np.zeros(500)
    counts[[7, 400]] = 1
    found = ratio_interval(counts * np.arange(500), counts, seed=0)
    assert (found.low, found.high) == (7.0, 400.0)


def test_the_seed_decides_every_digit() -> None:
    sums, counts = sample(generator(4, "seed"), np.full(50, 3))
    first = ratio_interval(sums, counts, seed=1)
    ratio_interval(sums[:20], counts[:20], seed=9)
    statistics._weights.cache_clear()
    assert ratio_interval(sums, counts, seed=1) == first
    assert ratio_interval(sums, counts, seed=2) != first


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(30)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    values, clusters = 10.0 ** np.linspace(-9, 9, 30), np.arange(30) % 7
    values[4] = np.nan
    expected = mean_interval(values, clusters, seed=3, resamples=50)
    assert mean_interval(values[order], clusters[order], seed=3, resamples=50) == expected


def test_names_of_clusters_do_not_matter() -> None:
    values, clusters = np.arange(30.0), np.arange(30) % 7
    assert mean_interval(values, clusters, seed=3) == mean_interval(values, 1000 + 13 * clusters, seed=3)


def test_columns_share_their_resamples() -> None:
    """So a gain's interval is that of a paired difference, and adding a constant moves every draw by it."""
    draw = generator(5, "paired")
    values, counts = draw.normal(size=60), of_clusters(draw, 60).astype(float)
    (plain, of), (moved, again) = (resampled(np.stack([s, counts]), seed=0) for s in (values, values + 3 * counts))
    np.testing.assert_array_equal(of, again)
    np.testing.assert_allclose(moved / again, plain / of + 3, rtol=0, atol=1e-12)


def test_columns_taken_together_or_alone_have_the_same_digits() -> None:
    table = generator(6, "columns").normal(size=(5, 333))
    table[1, 100:] = 0
    np.testing.assert_array_equal(resampled(table[:2], seed=0), resampled(table, seed=0)[:2])


def test_resamples_are_as_large_as_the_sample() -> None:
    np.testing.assert_array_equal(resampled(np.ones((1, 77)), seed=0), np.full((1, statistics.RESAMPLES), 77.0))


def test_very_many_clusters_are_resampled_in_groups() -> None:
    sums, counts = sample(generator(7, "many"), np.full(60_000, 2))
    found = ratio_interval(sums, counts, seed=0)
    assert statistics._weights(0, statistics.MOST_CLUSTERS, statistics.RESAMPLES).nbytes < 20e6
    assert found.low is not None
    assert found.high is not None
    expected = 2 * 1.96 * float(np.std(sums / 2)) / np.sqrt(60_000)
    assert found.high - found.low == pytest.approx(expected, rel=0.08)
