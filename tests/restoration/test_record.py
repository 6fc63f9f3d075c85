"""The record of a run: what may be gone on with, and what is kept."""

import json
import os
from pathlib import Path

import pytest

from occbench.errors import InputError, UsageError
from occbench.restoration.inputs import Item, mark
from occbench.restoration.record import Record

PLACES = (".occbench.jsonl", ".occbench/photographs.jsonl")
ITEMS = [Item("in", f"{name}.png", Path("in", f"{name}.png"), name) for name in "abc"]
GOOD, BAD = {"files": ["a.png"]}, {"reason": "no-face", "detail": "none there"}


def names(record: Path) -> list[str]:
    return [json.loads(line)["name"] for line in record.read_bytes().splitlines()[1:]]


def test_without_a_folder_it_remembers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = Record(None, PLACES[0], "restore", {})
    record.add({"a": {"files": []}, "b": BAD})
    record.finish(ITEMS[:2])
    assert [(row.image_id, row.reason, row.detail) for row in record.rejects(ITEMS)] == [("b.png", "no-face", "none there")]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", PLACES)
def test_answers_live_as_long_as_their_files(tmp_path: Path, place: str) -> None:
    record = Record(tmp_path, place, "restore", {"size": 64})
    record.add({"b": BAD, "a": {"files": [record.write("a.png", b"1")]}})
    record.add({"c": {"files": [record.write("below/c.png", b"2")]}, "a": {"files": ["other"]}})
    (tmp_path / "below" / "c.png").unlink()
    assert Record(tmp_path, place, "restore", {"size": 64}, resume=True).answers == {"a": GOOD, "b": BAD}
    assert names(tmp_path / place) == ["b", "a"]


def test_finished_it_has_the_order_of_the_photographs(tmp_path: Path) -> None:
    record = Record(tmp_path, PLACES[0], "restore", {})
    for name in "cab":
        record.add({name: BAD})
    record.finish(ITEMS)
    assert names(tmp_path / PLACES[0]) == ["a", "b", "c"]


@pytest.mark.parametrize("place", PLACES)
def test_hardly_begun_it_begins_again(tmp_path: Path, place: str) -> None:
    """Killed before anything was known, with or without a first line."""
    (tmp_path / "out" / place).parent.mkdir(parents=True)
    (tmp_path / "out" / place).with_name(f".{Path(place).name}.41000001.tmp").write_bytes(b"{")
    Record(tmp_path / "out", place, "restore", {"size": 64})
    Record(tmp_path / "out", place, "restore", {"size": 128})


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_records_of_other_programs_are_something_else(tmp_path: Path, place: str, resume: bool) -> None:
    (tmp_path / ".occbench").mkdir()
    (tmp_path / ".occbench" / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="holds no run of restore"):
        Record(tmp_path, place, "restore", {}, resume=resume, overwrite=None)


def test_another_version_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Record(tmp_path, PLACES[0], "restore", {})
    monkeypatch.setattr("occbench.restoration.record.__version__", "9.9")
    with pytest.raises(UsageError, match=r"occbench: .* -> 9\.9\. Choose another folder"):
        Record(tmp_path, PLACES[0], "restore", {}, resume=True)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(InputError, match="is a file"):
        Record(tmp_path / "out", PLACES[0], "restore", {}, overwrite=True)


def test_nothing_is_recorded_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / ".occbench").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out of"):
        Record(tmp_path / "out", PLACES[1], "detect-mask", {})
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_mark_knows_names_sizes_and_times(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12")
    os.utime(path, ns=(0, 5 * 10**9))
    marks = [mark([("a", path)]), mark([("b", path)]), mark([("a", tmp_path / "nothing")]), mark([("a", path), ("b", path)])]
    os.utime(path, ns=(0, 6 * 10**9))
    marks.append(mark([("a", path)]))
    path.write_bytes(b"123")
    os.utime(path, ns=(0, 5 * 10**9))
    marks.append(mark([("a", path)]))
    assert len(set(marks)) == len(marks)
    path.write_bytes(b"21")
    os.utime(path, ns=(9, 5 * 10**9))
    assert mark([("a", path)]) == marks[0]
    assert mark([("a", None)]) == marks[2]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"files": []},
        {"files": 5},
        {"files": [5]},
        {"files": ["/etc/hostname"]},
        {"files": ["x" * 5000 + "/a.png"]},
        {"files": ["\0a.png"]},
        {"files": ["a.png"]},
        {"reason": "x"},
        {"reason": "unreadable", "detail": "the disk may be back"},
    ],
    ids=str,
)
def test_answers_that_cannot_be_believed_are_made_again(tmp_path: Path, answer: object) -> None:
    """Of another shape, of files that are not this photograph's, without what was told, or of a disk that failed."""
    record = Record(tmp_path, PLACES[0], "detect-mask", {}, told=("hidden",))
    record.add({"b": BAD, "c": {"files": [record.write("c.png", b"1"), record.write("a.png", b"1")][:1], "hidden": True}})
    with (tmp_path / PLACES[0]).open("a") as file:
        file.write(json.dumps({"name": "a", "answer": answer}) + "\n" + "[" * 100_000)
    gone_on = Record(tmp_path, PLACES[0], "detect-mask", {}, told=("hidden",), resume=True)
    assert gone_on.answers.keys() == {"b", "c"}
