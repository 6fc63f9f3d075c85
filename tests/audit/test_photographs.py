from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.audit.photographs import Photographs, normalised
from occbench.errors import InputError, UsageError

MakeSet = Callable[..., Path]


@pytest.mark.parametrize(
    "name", ["George_W_Bush", "George W. Bush", "george-w-bush", "  GEORGE__W.Bush", "Gëorge_W_Bush", '"George_W_Bush"']
)
def test_ways_to_write_a_name(name: str) -> None:
    assert normalised(name) == "george w bush"


@pytest.mark.parametrize("name", ["n000123", "2880", "person_1", "", "__", "Al", "00012/face"])
def test_what_is_no_name(name: str) -> None:
    assert normalised(name) == ""


@given(st.text())
def test_normalised_names_stay_so(name: str) -> None:
    assert normalised(normalised(name)) == normalised(name)


def test_rows_of_a_photograph_are_one(make_set: MakeSet) -> None:
    row = {"image_id": "a.jpg", "identity": "a", "clean_path": "clean/0.png", "image": 1}
    assert len(Photographs([make_set("one", row, row, {**row, "image_id": "b.jpg"})])) == 2


def test_a_folder_is_given_once(make_set: MakeSet) -> None:
    folder = make_set("one", {})
    with pytest.raises(UsageError, match="twice"):
        Photographs([folder, folder / ".." / "one"])


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither manifest\.parquet nor natural\.parquet"):
        Photographs([tmp_path])


def test_some_are_read_again(make_set: MakeSet) -> None:
    photographs = Photographs([make_set("one", {}, {}), make_set("two", {}, {})])
    assert {at: photograph.image_id for at, photograph in photographs.at([3, 0]).items()} == {0: "one-0.jpg", 3: "two-1.jpg"}
