"""Paired tests: they cry wolf as rarely as they say, find what is there, and correct for how often one looked."""

from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import InputError, UsageError
from occbench.scoring.compare import Table, against, contributions, flip_test, holm, tied_groups
from occbench.scoring.statistics import MOST_CLUSTERS
from occbench.seeding import generator

Array = npt.NDArray[Any]
Person = Callable[[np.random.Generator, int], Array]

PEOPLE = 200
NAMES = [f"{k:016x}" for k in range(PEOPLE)]


def table(values: Array, counts: Array) -> pd.DataFrame:
    """A `per_identity.parquet` of one column, from each identity's mean."""
    numbers = {"psnr_sum": values * counts, "psnr_count": counts.astype(np.int32)}
    return pd.DataFrame({"identity": NAMES[: len(counts)], **numbers})


def long_tail(draw: np.random.Generator, people: int) -> Array:
    return np.minimum(np.ceil(draw.pareto(1.5, people)), 30)


def _symmetric(draw: np.random.Generator, people: int) -> Array:
    return draw.standard_t(4, people)


def _skewed(draw: np.random.Generator, people: int) -> Array:
    return draw.exponential(size=people) - 1


def rejected(pairs: list[tuple[Table, Table]]) -> float:
    """In percent, how many tests at level 5 % reject."""
    parts = np.stack([contributions(a, b) for a, b in pairs])
    return 100 * float((flip_test(parts, seed=0, flips=1999) <= 0.05).mean())


@pytest.mark.parametrize(
    ("people", "person"), [(100, _symmetric), (400, _symmetric), (1700, _symmetric), (400, _skewed), (1700, _skewed)]
)
def test_methods_that_are_equally_good_are_rarely_told_apart(people: int, person: Person) -> None:
    """People differ in size, images of one person are alike, and methods share what is hard about a person."""
    draw, pairs = generator(1, "null", people, person.__name__), []
    for _ in range(3000):
        counts = 1.0 + draw.geometric(0.3, people)
        hard = 25 + 5 * draw.normal(size=people)
        worse = person(draw, people) + draw.normal(size=people) / np.sqrt(counts)
        pairs.append(((counts * (hard + worse), counts), (counts * hard, counts)))
    assert rejected(pairs) <= 6


def test_symmetric_differences_of_few_people_with_very_different_sizes() -> None:
    draw, pairs = generator(1, "few"), []
    for _ in range(3000):
        counts = long_tail(draw, 15)
        pairs.append(((counts * _symmetric(draw, 15), counts), (np.zeros(15), counts)))
    assert 3 <= rejected(pairs) <= 6


def missing_some(draw: np.random.Generator, shift: float) -> tuple[Table, Table]:
    """Two methods, each of which lacks every third image at random; values are about 25, so counts alone move sums a lot."""
    counts = 1 + draw.geometric(0.2, PEOPLE)
    hard, own = 25 + 3 * draw.normal(size=PEOPLE), draw.normal(size=(2, PEOPLE))
    done = [np.maximum(1, draw.binomial(counts, 2 / 3)).astype(float) for _ in range(2)]
    one, other = (n * (hard + effect) + np.sqrt(n) * draw.normal(size=PEOPLE) for n, effect in zip(done, own, strict=True))
    return (one + shift * done[0], done[0]), (other, done[1])


def test_methods_with_different_counts() -> None:
    draw = generator(1, "missing")
    assert 3 <= rejected([missing_some(draw, 0.0) for _ in range(3000)]) <= 6
    assert rejected([missing_some(draw, 0.8) for _ in range(300)]) > 90


@pytest.mark.parametrize(("shift", "least", "most"), [(0.05, 5, 30), (0.2, 70, 90), (0.4, 99, 100)])
def test_power_is_that_of_a_paired_t_test(shift: float, least: float, most: float) -> None:
    """With 200 people and differences of standard deviation 1, the t test finds 11, 80 and 100 %; people's spread is no matter."""
    draw, counts, pairs = generator(2, "power"), np.full(PEOPLE, 4.0), []
    for _ in range(1000):
        hard = 25 + 5 * draw.normal(size=PEOPLE)
        pairs.append(((counts * (hard + shift + draw.normal(size=PEOPLE)), counts), (counts * hard, counts)))
    assert least <= rejected(pairs) <= most


@pytest.mark.parametrize("people", [1, 2, 5, 10])
def test_random_flips_agree_with_all_flips(people: int) -> None:
    parts = generator(3, "all flips", people).normal(0.4, 1, size=(4, people))
    signs = np.array(list(product([-1, 1], repeat=people)))
    exact = (np.abs(signs @ parts.T) >= np.abs(parts.sum(axis=1)) - 1e-12).mean(axis=0)
    found = flip_test(parts, seed=0, flips=40_000)
    np.testing.assert_allclose(found, exact, atol=4 * 0.5 / np.sqrt(40_000))


def test_rounding_breaks_no_tie() -> None:
    """Tenths are not exact in binary, whole numbers are; many of their signed sums are equal."""
    whole = generator(3, "ties").integers(-9, 10, (50, 8)).astype(float)
    assert flip_test(whole / 10, seed=0, flips=2000).tolist() == flip_test(whole, seed=0, flips=2000).tolist()


def test_p_is_never_zero_and_equal_methods_have_one() -> None:
    assert flip_test([[1.0] * 60, [0.0] * 60], seed=0, flips=99).tolist() == [0.01, 1.0]


def test_p_does_not_depend_on_what_is_tested_together(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = generator(4, "together").normal(0.05, 1, size=(6, PEOPLE))
    whole = flip_test(parts, seed=0)
    assert [float(flip_test(part[None], seed=0)[0]) for part in parts] == whole.tolist()
    monkeypatch.setattr("occbench.scoring.compare._BLOCK", 17 * PEOPLE)
    assert flip_test(parts, seed=0).tolist() == whole.tolist()


def test_very_many_people_are_flipped_in_groups() -> None:
    parts = generator(5, "many").normal(size=(40, 4 * MOST_CLUSTERS))
    parts[20:] += 4 / np.sqrt(parts.shape[1])
    p = flip_test(parts, seed=0, flips=999)
    assert np.median(p[:20]) > 0.2
    assert (p[20:] < 0.05).mean() > 0.9


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=30))
def test_contributions_add_up_to_the_difference(rows: list[tuple[int, int, float, float]]) -> None:
    n_a, n_b, a, b = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    expected = a.sum() / n_a.sum() - b.sum() / n_b.sum()
    assert contributions((a, n_a), (b, n_b)).sum() == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=30))
def test_contributions_of_equal_counts_are_differences_of_sums(rows: list[tuple[int, float, float]]) -> None:
    n, a, b = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    np.testing.assert_allclose(contributions((a, n), (b, n)), (a - b) / n.sum(), atol=1e-9)


def test_holm_worked_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04; times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04; none below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(p: list[float]) -> None:
    """A hypothesis falls if every set of hypotheses with it does, each tested by Bonferroni (Marcus, Peritz and Gabriel 1976)."""
    indices = range(len(p))
    sets = [chosen for size in range(1, len(p) + 1) for chosen in combinations(indices, size)]
    expected = [max(min(1.0, len(s) * min(p[k] for k in s)) for s in sets if index in s) for index in indices]
    assert holm(p) == pytest.approx(expected)


@pytest.fixture(scope="module")
def results() -> dict[str, pd.DataFrame]:
    """Four methods on 200 people: `good` and `fine` are equal but for noise, `fair` is 1 below, `poor` 4."""
    draw = generator(6, "results")
    counts, hard = 1.0 + draw.geometric(0.3, PEOPLE), 25 + 4 * draw.normal(size=PEOPLE)
    loss = {"poor": 4.0, "good": 0.0, "fair": 1.0, "fine": 0.0}
    return {name: table(hard - lost + draw.normal(size=PEOPLE), counts) for name, lost in loss.items()}


def test_every_method_against_a_named_one(results: dict[str, pd.DataFrame]) -> None:
    found = against(results, "good", "psnr")
    assert list(found) == ["poor", "fair", "fine"]
    for name, lost in (("poor", -4), ("fair", -1), ("fine", 0)):
        one = found[name]
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.difference <= one.high
        assert one.difference == pytest.approx(lost, abs=0.4)
        assert 0.2 < one.high - one.low < 0.8  # people's spread of 4 dB is taken out; unpaired it would be about 1.7
        assert one.identities == PEOPLE
        assert one.p_holm >= one.p
    assert found["poor"].p_holm == found["fair"].p_holm == pytest.approx(3 / 10_001)
    assert found["fine"].p > 0.05


def test_intervals_of_a_difference_hold_it() -> None:
    draw, hits = generator(7, "difference"), 0
    for _ in range(400):
        counts, hard = 1.0 + draw.geometric(0.3, 60), 25 + 4 * draw.normal(size=60)
        pair = {name: table(hard + draw.normal(size=60), counts) for name in "ab"}
        one = against(pair, "b", "psnr", resamples=1000, flips=9)["a"]
        assert one.low is not None
        assert one.high is not None
        hits += one.low <= 0 <= one.high
    assert 92.5 <= hits / 4 <= 97.5


def test_groups_of_tied_methods(results: dict[str, pd.DataFrame]) -> None:
    groups = tied_groups(results, "psnr", higher_is_better=True)
    assert groups == {"good": 1, "fine": 1, "fair": 2, "poor": 3}
    assert list(groups)[2:] == ["fair", "poor"]
    assert tied_groups(results, "psnr", higher_is_better=False) == {"poor": 1, "fair": 2, "good": 3, "fine": 3}


def test_a_noisy_method_ties_with_the_best_past_a_steady_one() -> None:
    draw, counts = generator(8, "noisy"), np.full(PEOPLE, 2.0)
    hard, noise = draw.normal(size=PEOPLE), draw.normal(size=PEOPLE)
    values = {"best": hard, "steady": hard - 0.2, "noisy": hard - 0.3 + 10 * (noise - noise.mean())}
    groups = tied_groups({name: table(value, counts) for name, value in values.items()}, "psnr", higher_is_better=True)
    assert groups == {"best": 1, "steady": 2, "noisy": 1}


def test_identical_methods_are_tied(results: dict[str, pd.DataFrame]) -> None:
    assert tied_groups(dict.fromkeys("abc", results["good"]), "psnr", higher_is_better=True) == {"a": 1, "b": 1, "c": 1}
    assert against(dict.fromkeys("ab", results["good"]), "a", "psnr")["b"].p == 1


def test_a_tie_takes_the_correction_into_account() -> None:
    """Each of many methods is a little below the best: alone it would be told apart, among forty not."""
    draw, counts = generator(9, "correction"), np.full(PEOPLE, 2.0)
    best, tables = draw.normal(size=PEOPLE), {}
    for number in range(40):
        noise = draw.normal(size=PEOPLE)
        tables[f"m{number}"] = table(best - 0.16 + (noise - noise.mean()) / noise.std(), counts)
    tables["best"] = table(best, counts)
    assert set(tied_groups(tables, "psnr", higher_is_better=True, flips=2000).values()) == {1}
    alone = {"best": tables["best"], "m0": tables["m0"]}
    assert tied_groups(alone, "psnr", higher_is_better=True)["m0"] == 2


def test_seed_and_order_of_rows(results: dict[str, pd.DataFrame]) -> None:
    shuffled = {name: frame.sample(frac=1, random_state=k) for k, (name, frame) in enumerate(results.items())}
    assert against(shuffled, "good", "psnr") == against(results, "good", "psnr")
    assert against(results, "good", "psnr", seed=1) != against(results, "good", "psnr")
    backwards = dict(reversed(results.items()))
    assert against(backwards, "good", "psnr") == against(results, "good", "psnr")
    assert tied_groups(backwards, "psnr", higher_is_better=True) == tied_groups(results, "psnr", higher_is_better=True)


def test_different_identities_are_refused_or_intersected(results: dict[str, pd.DataFrame]) -> None:
    fewer = {"good": results["good"], "fair": results["fair"].iloc[10:]}
    with pytest.raises(InputError, match="'good' and 'fair' have different identities"):
        against(fewer, "good", "psnr")
    with pytest.raises(InputError, match="different identities"):
        tied_groups(fewer, "psnr", higher_is_better=True)
    same = {"good": results["good"].iloc[10:], "fair": fewer["fair"]}
    assert against(fewer, "good", "psnr", intersect=True) == against(same, "good", "psnr")
    assert against(fewer, "good", "psnr", intersect=True)["fair"].identities == PEOPLE - 10


def test_identities_without_a_value_in_one_method_are_not_compared(results: dict[str, pd.DataFrame]) -> None:
    holes = results["good"].copy()
    holes.loc[:49, ["psnr_sum", "psnr_count"]] = 0
    one = against({"good": results["good"], "holes": holes}, "good", "psnr")["holes"]
    assert (one.difference, one.p, one.identities) == (0.0, 1.0, PEOPLE - 50)


def test_methods_that_were_not_measured_are_left_out(results: dict[str, pd.DataFrame]) -> None:
    empty = table(np.zeros(PEOPLE), np.zeros(PEOPLE))
    tables = {"good": results["good"], "fair": results["fair"], "other": results["fine"][["identity"]], "empty": empty}
    assert list(against(tables, "good", "psnr")) == ["fair"]
    assert against(tables, "other", "psnr") == against(tables, "empty", "psnr") == {}
    assert against(tables, "good", "lpips") == {}
    assert tied_groups(tables, "psnr", higher_is_better=True) == {"good": 1, "fair": 2}
    assert tied_groups(tables, "lpips", higher_is_better=False) == {}


def test_methods_without_a_common_identity_are_not_compared() -> None:
    counts = np.array([1.0, 1.0, 0.0, 0.0])
    tables = {"a": table(np.full(4, 2.0), counts), "b": table(np.full(4, 1.0), 1 - counts)}
    assert against(tables, "a", "psnr") == {}
    assert tied_groups(tables, "psnr", higher_is_better=True) == {"a": 1, "b": 2}


def test_one_common_identity_proves_nothing() -> None:
    tables = {name: table(np.array([value]), np.array([3.0])) for name, value in (("a", 1.0), ("b", 2.0))}
    one = against(tables, "a", "psnr")["b"]
    assert (one.difference, one.low, one.high, one.p, one.identities) == (1.0, None, None, 1.0, 1)


def test_an_unknown_method_is_named(results: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(UsageError, match="'telea'; there are: poor, good, fair, fine"):
        against(results, "telea", "psnr")


@pytest.mark.parametrize(
    "damage",
    [
        lambda frame: frame.drop(columns="identity"),
        lambda frame: pd.concat([frame, frame.iloc[:1]]),
        lambda frame: frame.assign(psnr_sum=np.nan),
        lambda frame: frame.assign(psnr_count=-1),
    ],
    ids=["no identities", "repeated identity", "NaN", "negative count"],
)
def test_damaged_tables_are_refused(results: dict[str, pd.DataFrame], damage: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    with pytest.raises(InputError, match="'fair'"):
        against({"good": results["good"], "fair": damage(results["fair"])}, "good", "psnr")
