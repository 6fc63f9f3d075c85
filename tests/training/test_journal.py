"""What a run tells: metrics.csv and sample grids."""

import csv
from pathlib import Path

import numpy as np
import pytest

from occbench.errors import RunError
from occbench.images import decode_exact
from occbench.training.journal import METRICS, Journal, grid


def lines(out: Path) -> list[str]:
    return (out / METRICS).read_text().splitlines()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Values of the steps 1 to 4."""
    journal = Journal(tmp_path, 0)
    for step in range(1, 5):
        journal.write(step, 1, "loss", {"a": step / 3, "b": 1e-9})
    journal.close()
    return tmp_path


def test_one_value_a_line(out: Path) -> None:
    assert lines(out)[:3] == ["step,epoch,kind,name,value", "1,1,loss,a,0.333333", "1,1,loss,b,1e-09"]


def test_a_run_that_begins_forgets_what_was_there(out: Path) -> None:
    Journal(out, 0).close()
    assert lines(out) == ["step,epoch,kind,name,value"]


def test_a_resumed_run_keeps_what_it_had(out: Path) -> None:
    before = (out / METRICS).read_bytes()
    Journal(out, 4).close()
    assert (out / METRICS).read_bytes() == before


def test_a_resumed_run_drops_what_came_later(out: Path) -> None:
    Journal(out, 2).close()
    assert [line[0] for line in lines(out)[1:]] == ["1", "1", "2", "2"]


@pytest.mark.parametrize(
    "tail",
    [b"5", b"5,1,lo", b"3,1,loss,a", b"3,1,loss,a,", b"\xff\xfe\n", "²,1,loss,a,1\n".encode(), b"\n\n", b"x,y\n", b"\0\0\0\0"],
    ids=repr,
)
def test_half_a_line_or_none_at_all_does_not_matter(out: Path, tail: bytes) -> None:
    before = (out / METRICS).read_bytes()
    (out / METRICS).write_bytes(before + tail)
    Journal(out, 4).close()
    assert (out / METRICS).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n"], ids=repr)
def test_another_file_is_begun_anew(out: Path, content: bytes) -> None:
    (out / METRICS).write_bytes(content)
    Journal(out, 4).close()
    assert lines(out) == ["step,epoch,kind,name,value"]


def test_names_with_commas_come_back(tmp_path: Path) -> None:
    Journal(tmp_path, 0).write(1, 1, "loss", {'a,"b"': 2.0})
    Journal(tmp_path, 1).close()
    with (tmp_path / METRICS).open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ['a,"b"']


def test_a_disk_that_fails_is_named(out: Path) -> None:
    journal = Journal(out, 0)
    (out / METRICS).unlink()
    (out / METRICS).mkdir()
    with pytest.raises(RunError, match=METRICS):
        journal.write(1, 1, "loss", {"a": 1.0})


def test_a_grid_has_a_row_a_pair(tmp_path: Path) -> None:
    colour, mask = np.full((4, 4, 3), (9, 8, 7), np.uint8), np.full((4, 4), 200, np.uint8)
    grid(tmp_path / "grids/1.png", [[colour, mask], [mask, colour]])
    found = decode_exact((tmp_path / "grids/1.png").read_bytes())
    assert found.shape == (12, 12, 3)
    assert np.array_equal(found[:4, :4], colour)
    assert np.array_equal(found[6:10, 6:10], colour)
    assert (found[:4, 6:10] == 200).all()
    assert (found[4:6] == 246).all()
