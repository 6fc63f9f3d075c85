"""Means of scalars over steps."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from occbench.training.means import Means

numbers = st.floats(-1e6, 1e6, allow_nan=False)


def filled(*steps: dict[str, float], kind: str = "loss") -> Means:
    means = Means()
    for step in steps:
        means.add(kind, {name: torch.tensor(value, dtype=torch.float64) for name, value in step.items()})
    return means


def test_a_name_counts_only_where_it_comes() -> None:
    assert filled({"a": 1.0, "b": 8.0}, {"a": 3.0}).taken() == {"a": ("loss", 2.0), "b": ("loss", 8.0)}


def test_no_gradient_is_kept() -> None:
    means = Means()
    means.add("loss", {"a": torch.ones((), requires_grad=True) * 2})
    assert not means._sums["a"].total.requires_grad


def test_small_numbers_are_not_lost_among_many() -> None:
    """Sums are of double precision."""
    means = Means()
    means.add("loss", {"a": torch.tensor(1e8)})
    for _ in range(100):
        means.add("loss", {"a": torch.tensor(1.0)})
    assert means.taken()["a"][1] == (1e8 + 100) / 101


def test_a_name_is_of_one_kind() -> None:
    means = filled({"a": 1.0})
    with pytest.raises(AssertionError, match="both a term and a report"):
        means.add("report", {"a": torch.tensor(1.0)})


@given(st.lists(numbers, min_size=1), st.lists(numbers, min_size=1))
def test_joined_means_are_means_of_all(one: list[float], other: list[float]) -> None:
    joined = filled(*({"a": value} for value in one))
    joined.join(filled(*({"a": value} for value in other)))
    assert joined.taken()["a"][1] == pytest.approx(filled(*({"a": value} for value in (*one, *other))).taken()["a"][1], abs=1e-6)


def test_joining_leaves_the_other_alone() -> None:
    one, other = filled({"a": 1.0}), filled({"a": 2.0}, {"b": 5.0})
    one.join(other)
    one.join(other)
    assert other.taken() == {"a": ("loss", 2.0), "b": ("loss", 5.0)}


@given(st.lists(numbers, min_size=1), st.lists(numbers, min_size=1))
def test_a_document_brings_back_every_bit(before: list[float], after: list[float]) -> None:
    """Through JSON, and going on from there."""
    whole = filled(*({"a": value} for value in (*before, *after)), kind="report")
    resumed = Means.of(json.loads(json.dumps(filled(*({"a": value} for value in before), kind="report").document())))
    for value in after:
        resumed.add("report", {"a": torch.tensor(value, dtype=torch.float64)})
    assert resumed.taken() == whole.taken()


def test_a_document_is_plain_json_even_after_an_explosion() -> None:
    means = filled({"a": float("nan"), "b": float("inf"), "c": 1.0})
    assert json.loads(json.dumps(means.document(), allow_nan=False)) == {"c": ["loss", 1.0, 1]}
