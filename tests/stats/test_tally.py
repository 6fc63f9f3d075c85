from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import InputError
from occbench.manifest import Reject, write_rejects
from occbench.scoring import strata
from occbench.stats import tally as tallies
from occbench.stats.tally import POSE_EDGES, Tally, fates

Make = Callable[..., Path]


def photograph(number: int, person: str, split: str = "train") -> dict[str, str]:
    return {"image_id": f"{number}.jpg", "identity": person, "split": split}


def test_photographs_and_people_are_counted_once(manifest: Make) -> None:
    rows = [photograph(0, "a"), photograph(0, "a"), photograph(1, "a"), photograph(2, "b", "test"), photograph(0, "a")]
    tally = Tally(manifest(*rows))
    assert dict(tally.pairs) == {"train": 4, "test": 1}
    assert (tally.photographs("train"), tally.photographs("train", "test")) == (2, 3)
    assert (tally.people("train"), tally.people("train", "test")) == (1, 2)
    assert tally.splits == ["train", "test"]


def test_the_same_name_in_two_sources_is_two_people(manifest: Make) -> None:
    tally = Tally(manifest({"source": "a"}, {"source": "b"}))
    assert (tally.people("train"), tally.photographs("train")) == (2, 2)


def test_a_person_in_two_splits(manifest: Make) -> None:
    assert Tally(manifest(photograph(0, "a"), photograph(1, "b", "test"))).disjoint
    assert not Tally(manifest(photograph(0, "a"), photograph(1, "a", "test"))).disjoint


def test_albums(manifest: Make) -> None:
    rows = [photograph(number, person) for number, person in enumerate("abbcccc")]
    tally = Tally(manifest(*rows, *rows))
    assert tally.albums("train").tolist() == [1, 2, 4]
    assert tally.album_bins("train") == [1, 1, 1, 0, 0, 0, 0, 0]


def test_kinds_by_split(manifest: Make) -> None:
    tally = Tally(manifest({"occluder": "mask"}, {"occluder": "mask", "split": "val"}, {"occluder": "cup", "variant": "mug"}))
    assert tally.kinds == {("mask", "x"): {"train": 1, "val": 1}, ("cup", "mug"): {"train": 1}}
    assert tally.occluders == ["cup", "mask"]


def test_coverage_has_the_bins_of_scores() -> None:
    assert tallies.COVERAGE_EDGES == strata.COVERAGE_EDGES


def test_coverage_bins_hold_their_lower_edge(manifest: Make) -> None:
    tally = Tally(manifest(*({"coverage": share} for share in (0.0, 0.0994, 0.1, 0.4999, 0.5, 1.0))))
    assert tally.coverage_bins("x") == [2, 1, 0, 0, 0, 3]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200))
def test_quantiles_are_values_that_so_many_do_not_exceed(thousandths: list[int]) -> None:
    tally = Tally.__new__(Tally)
    tally._coverage = {"x": np.bincount(thousandths, minlength=1001)}  # type: ignore[assignment]
    for quantile, value in zip(tallies.QUANTILES, tally.coverage_quantiles("x"), strict=True):
        assert value * 1000 == np.quantile(thousandths, quantile, method="inverted_cdf")


@pytest.mark.parametrize(("angle", "place"), [(-360, 0), (-45.01, 0), (-45, 1), (-0.001, 3), (0, 4), (44.9, 6), (45, 7), (360, 7)])
def test_pose_bins(manifest: Make, angle: float, place: int) -> None:
    bins = Tally(manifest({"pitch": float(angle)})).pose_bins("pitch")
    assert len(bins) == len(POSE_EDGES) + 1
    assert [place] == [number for number, pairs in enumerate(bins) if pairs]


def test_sizes(manifest: Make) -> None:
    tally = Tally(manifest({"width": 100}, {"width": 300}, {"width": 200}))
    assert tally.size == "100–300 × 128"
    assert tally.document()["size"]["width"] == {"least": 100, "median": 200, "most": 300}


def test_warnings_and_detectors(manifest: Make) -> None:
    tally = Tally(manifest({"warnings": ("a", "b")}, {"warnings": ("b",), "landmark_source": "dlib"}))
    assert tally.warnings == {"a": 1, "b": 2}
    assert tally.detectors == {"x": 1, "dlib": 1}


def test_the_order_of_rows_does_not_matter(manifest: Make) -> None:
    rows = [{**photograph(n // 2, f"p{n // 4}"), "coverage": n / 10, "yaw": 9.0 * n} for n in range(10)]
    assert Tally(manifest(*rows)).document() == Tally(manifest(*rows[::-1])).document()


def test_an_empty_manifest(manifest: Make) -> None:
    document = Tally(manifest()).document()
    assert (document["pairs"], document["splits"], document["size"]) == (0, {}, {})


def test_rejects_are_counted(tmp_path: Path) -> None:
    write_rejects(tmp_path / "r.csv", [Reject("s", str(n), "", "no-face", "") for n in range(3)])
    assert fates(tmp_path / "r.csv") == {("", "no-face"): 3}
    assert fates(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n", b"source,image_id,occluder,reason,detail\n\xff\xfe,,,,\n", b"source,image_id,occluder,reason,detail\nlfw\n"],
    ids=repr,
)
def test_rejects_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"r\.csv cannot be read"):
        fates(tmp_path / "r.csv")
