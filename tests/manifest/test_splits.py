from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import InputError
from occbench.manifest.splits import FRACTIONS, assert_disjoint, by_identity, cut_validation, overlaps

NAMES = st.lists(st.text(max_size=8), unique=True, max_size=40)


@given(st.lists(st.text(max_size=8), unique=True, min_size=3, max_size=40))
def test_every_split_gets_somebody(names: list[str]) -> None:
    assert set(by_identity(names).values()) == {"train", "val", "test"}


@given(NAMES)
def test_everybody_gets_one_split_in_any_order(names: list[str]) -> None:
    assigned = by_identity(names)
    assert set(assigned) == set(names)
    assert by_identity([*reversed(names), *names]) == assigned


@given(st.text(max_size=8), st.integers(100, 120))
def test_somebody_new_moves_nobody(newcomer: str, size: int) -> None:
    names = [f"person {number}" for number in range(size)]
    before, after = by_identity(names), by_identity([*names, newcomer])
    assert all(after[name] == before[name] for name in names)


@given(NAMES, st.text(max_size=8))
def test_somebody_new_moves_at_most_one_a_split(names: list[str], newcomer: str) -> None:
    before, after = by_identity(names), by_identity([*names, newcomer])
    assert sum(after[name] != before[name] for name in names) <= len(FRACTIONS)


@given(NAMES)
def test_fewer_than_three_stay_where_their_hash_puts_them(names: list[str]) -> None:
    many = by_identity([f"person {number}" for number in range(100)] + names[:2])
    assert by_identity(names[:2]) == {name: many[name] for name in names[:2]}


def test_shares_are_about_right() -> None:
    sizes = Counter(by_identity(f"person {number}" for number in range(20_000)).values())
    assert sizes["train"] == pytest.approx(16_000, rel=0.02)
    assert sizes["val"] == pytest.approx(2_000, rel=0.1)
    assert sizes["test"] == pytest.approx(2_000, rel=0.1)


def test_splits_never_change() -> None:
    assigned = by_identity(f"person {number}" for number in range(60))
    people = {split: sorted(int(name[7:]) for name in assigned if assigned[name] == split) for split in ("val", "test")}
    assert people == {"val": [5, 8, 18, 47, 50, 53, 58], "test": [25, 30, 34, 42, 51]}


def test_a_split_that_would_be_empty_takes_one() -> None:
    assert by_identity(["a", "b", "c"]) == {"a": "val", "b": "train", "c": "test"}


def test_validation_is_cut_by_identity() -> None:
    cut = cut_validation([f"person {number}" for number in range(1000)] * 2)
    assert set(cut.values()) == {"train", "val"}
    assert Counter(cut.values())["val"] == pytest.approx(100, rel=0.25)


def test_overlaps_names_people_in_several_splits() -> None:
    assert overlaps([("b", "val"), ("a", "train"), ("b", "train"), ("a", "train"), ("b", "val")]) == {"b": ["train", "val"]}


def test_somebody_in_two_splits_is_refused() -> None:
    with pytest.raises(InputError, match=r"people\.csv: 'b' in more than one split \(test, train\)"):
        assert_disjoint([("a", "train"), ("b", "train"), ("b", "test")], "people.csv")


def test_disjoint_splits_pass() -> None:
    assert_disjoint([("a", "train"), ("a", "train"), ("b", "test")], "people.csv")
