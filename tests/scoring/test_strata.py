"""Strata: every pair is in one bin of each kind, and the bin is the one that its name says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import InputError
from occbench.scoring.strata import BINS, ordered, strata


def table(coverage: list[float], yaw: list[float] | None = None) -> pd.DataFrame:
    count = len(coverage)
    return pd.DataFrame(
        {
            "pair_id": [f"p{k}" for k in range(count)],
            "source": "lfw",
            "occluder": ["mask" if k % 2 else "cup" for k in range(count)],
            "variant": [f"v{k % 3}" for k in range(count)],
            "coverage": coverage,
            "yaw": [0.0] * count if yaw is None else yaw,
        }
    )


def inside(value: float, name: str) -> bool:
    if name.endswith("+"):
        return value >= float(name[:-1])
    low, high = map(float, name.split("-"))
    return low <= value < high


def test_kinds_and_bins_have_a_fixed_order() -> None:
    assert list(strata(table([0.1]))) == ["occluder", "variant", "coverage", "yaw", "source"]
    assert list(BINS) == ["occluder", "variant", "coverage", "yaw", "source", "pose_template"]
    assert BINS["coverage"] == ("0-0.1", "0.1-0.2", "0.2-0.3", "0.3-0.4", "0.4-0.5", "0.5+")
    assert BINS["yaw"] == ("0-15", "15-30", "30-45", "45+")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_coverage_lies_in_its_bin(values: list[float]) -> None:
    assert all(inside(value, name) for value, name in zip(values, strata(table(values))["coverage"], strict=True))


@given(st.lists(st.floats(-180, 180), min_size=1, max_size=20))
def test_yaw_lies_in_its_bin_by_its_absolute_value(values: list[float]) -> None:
    found = strata(table([0.2] * len(values), values))["yaw"]
    assert all(inside(abs(value), name) for value, name in zip(values, found, strict=True))


def test_a_lower_edge_belongs_to_its_bin() -> None:
    found = strata(table([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0], [0, -15, 15, 30, -45, 45, 14.99]))
    assert list(found["coverage"]) == [*(BINS["coverage"] or ()), "0.5+"]
    assert list(found["yaw"]) == ["0-15", "15-30", "15-30", "30-45", "45+", "45+", "0-15"]


def test_variants_are_named_with_their_occluder() -> None:
    found = strata(table([0.1, 0.1, 0.1, 0.1]))
    assert list(found["variant"]) == ["cup/v0", "mask/v1", "cup/v2", "mask/v0"]
    assert list(found["occluder"]) == ["cup", "mask", "cup", "mask"]
    assert set(found["source"]) == {"lfw"}


def test_labels_follow_the_rows() -> None:
    pairs = table([0.05, 0.35, 0.95, 0.15], [1, 20, 40, 60])
    order = [2, 0, 3, 1]
    before, after = strata(pairs), strata(pairs.iloc[order])
    for by in before:
        assert list(after[by]) == list(before[by][order])


def test_labels_can_be_compared_and_listed() -> None:
    labels = strata(table([0.05, 0.35]))["coverage"]
    assert (labels == "0-0.1").tolist() == [True, False]
    assert all(type(label) is str for label in labels.tolist())


def test_bins_that_occur_come_in_the_order_of_display() -> None:
    assert ordered("coverage", ["0.5+", "0-0.1", "0.5+", "0.2-0.3"]) == ["0-0.1", "0.2-0.3", "0.5+"]
    assert ordered("yaw", np.array(["45+", "15-30"], dtype=object)) == ["15-30", "45+"]
    assert ordered("occluder", ["mask", "cup", "mask"]) == ["cup", "mask"]


def test_no_pairs_have_no_labels() -> None:
    assert {by: len(labels) for by, labels in strata(table([])).items()} == dict.fromkeys([*BINS][:5], 0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match=r"coverage .* row 1"):
        strata(table([0.1, bad]))
    with pytest.raises(InputError, match=r"yaw .* row 0"):
        strata(table([0.1, 0.1], [bad, 0.0]))


def test_pose_templates_are_a_kind_where_somebody_has_said_them() -> None:
    pairs = table([0.1] * 4).assign(pose_template=["profile", "", "front", "profile"])
    labels = strata(pairs)["pose_template"]
    assert ordered("pose_template", labels) == ["front", "profile"]
    assert labels.tolist() == ["profile", "", "front", "profile"]
    assert "pose_template" not in strata(table([0.1] * 4).assign(pose_template=""))
