"""Shards made by processes that die, on one machine."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from occbench.errors import InputError, RunError, UsageError
from occbench.faces import Face
from occbench.synthesis import engines
from occbench.synthesis.recipe import resolve
from occbench.synthesis.shard import Making, Place

# Imported by the processes too, so it must be a module that they can find.
CLUMSY = """
import os, signal
from occbench.errors import InputError, RunError

def die(task):
    os.kill(os.getpid(), signal.SIGKILL)

def number(task):
    return int(task.place.rows.stem)

def clumsy(task):
    "Dies with the first try of every third shard, and with every try of shard 4."
    deaths = len(list(task.place.out.glob(f"{number(task)}-*")))
    if number(task) == 4 or (number(task) % 3 == 0 and not deaths):
        (task.place.out / f"{number(task)}-{deaths}").touch()
        die(task)
    return number(task)

def fussy(task):
    "What is the user's to mend: shard 1 cannot be made."
    (task.place.out / f"{number(task)}-{os.getpid()}").touch()
    if number(task) == 1:
        raise InputError("no such model")
    return number(task)
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "clumsy_work.py").write_text(CLUMSY)
    monkeypatch.syspath_prepend(tmp_path)
    import clumsy_work  # type: ignore[import-not-found]

    yield clumsy_work
    del sys.modules["clumsy_work"]


@pytest.fixture
def shards(tmp_path: Path) -> Callable[[int], Iterator[Making]]:
    """`shards(count)`: of three photographs each."""
    out = tmp_path / "out"
    out.mkdir()
    recipe = resolve({"source": "lfw", "occluders": ["black-box"], "landmarks": ["canonical"]}, "test")

    def shards(count: int) -> Iterator[Making]:
        for number in range(count):
            files = [out / f"{number:06d}.{end}" for end in ("parquet", "rejects.csv", "files")]
            faces = (Face("lfw", f"Person_{number}/{k}", Path("none.jpg"), f"Person_{number}", "train") for k in range(3))
            yield Making(Place(out, files[0], files[1], files[2], None, (), 0, "0"), recipe, 3 * number, tuple(faces), None)

    return shards


def test_a_shard_whose_process_died_is_made_by_another(work: ModuleType, shards: Callable[[int], Iterator[Making]]) -> None:
    tasks = (task for task in shards(8) if int(task.place.rows.stem) != 4)
    assert list(engines.create("local", workers=2)(work.clumsy, tasks)) == [0, 1, 2, 3, 5, 6, 7]


def test_a_shard_that_keeps_failing_is_named_and_the_others_are_made(
    work: ModuleType, shards: Callable[[int], Iterator[Making]], tmp_path: Path
) -> None:
    made: list[int] = []
    with pytest.raises(RunError) as failure:
        made.extend(engines.create("local", workers=2, retries=1)(work.clumsy, shards(8)))
    assert made == [0, 1, 2, 3, 5, 6, 7]
    assert failure.value.exit_code == 1
    for words in ("1 shard could", "shard 4 (Person_4/0 to Person_4/2)", "died 2 times, in the end by signal 9", "--resume"):
        assert words in str(failure.value)
    assert "shard 3" not in str(failure.value)
    assert len(list((tmp_path / "out").glob("4-*"))) == 2


def test_where_every_shard_fails_the_run_stops(
    work: ModuleType, shards: Callable[[int], Iterator[Making]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_MANY", 3)
    monkeypatch.setattr(engines, "_NAMED", 2)
    drawn: list[Making] = []
    tasks = (drawn.append(task) or task for task in shards(1000))  # type: ignore[func-returns-value]
    with pytest.raises(RunError, match=r"3 shards could not be made; the run was stopped:\n.*\n.*\n  and 1 more\n"):
        list(engines.create("local", workers=2, retries=0)(work.die, tasks))
    assert len(drawn) < 20


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_user_ends_the_run_at_once(
    work: ModuleType, shards: Callable[[int], Iterator[Making]], tmp_path: Path, workers: int
) -> None:
    with pytest.raises(InputError, match="no such model"):
        list(engines.create("local", workers=workers)(work.fussy, shards(1000)))
    assert len(list((tmp_path / "out").glob("1-*"))) == 1
    assert len(list((tmp_path / "out").iterdir())) < 20


def test_engines_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"no 'rai' among the engines.*Did you mean 'ray'"):
        engines.create("rai")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'occbench\[ray\]'"):
        engines.create("ray")


def test_what_another_machine_has_written_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "000000.parquet"
    monkeypatch.setattr("time.sleep", lambda _: file.touch())
    engines._see([file, tmp_path])
    monkeypatch.setattr(engines, "_PATIENCE", -1)
    with pytest.raises(RunError, match=r"none\.parquet was written by another machine, but is not seen here: --out must lie"):
        engines._see([tmp_path / "none.parquet"])
