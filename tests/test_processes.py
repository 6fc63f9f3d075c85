import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from occbench.errors import RunError
from occbench.processes import available, mapped


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers: int) -> None:
    assert list(mapped(abs, range(-20, 0), workers)) == list(range(20, 0, -1))


def test_tasks_are_drawn_as_they_are_needed() -> None:
    drawn: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(1000):
            drawn.append(number)
            yield number

    results = mapped(abs, tasks(), 2)
    assert next(results) == 0
    assert len(drawn) < 20
    results.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_raises_comes_through(workers: int) -> None:
    with pytest.raises(ValueError, match="math domain"):
        list(mapped(math.sqrt, [4.0, -1.0, 9.0], workers))


def test_a_process_that_dies_is_an_error_of_the_run() -> None:
    with pytest.raises(RunError, match="worker process died"):
        list(mapped(os._exit, [1], 2))


def test_an_error_that_cannot_travel_is_told() -> None:
    code = "class Odd(Exception):\n    def __init__(self, a, b): super().__init__(f'{a} and {b}')\nraise Odd('salt', 'soap')"
    with pytest.raises(RunError, match="Odd: salt and soap"):
        list(mapped(exec, [code], 2))


def test_who_stops_listening_need_not_wait() -> None:
    results = mapped(time.sleep, [0, 60, 60, 60], 2)
    next(results)
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 10


def test_there_is_a_core() -> None:
    assert available() >= 1


CLUMSY = """
import os, pathlib, signal

def clumsy(task):
    path, number = task
    if number == 2 and len(list(pathlib.Path(path).glob("death-*"))) < 2:
        (pathlib.Path(path) / f"death-{os.getpid()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number
"""


def test_a_task_whose_process_died_is_given_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clumsy_map.py").write_text(CLUMSY)
    monkeypatch.syspath_prepend(tmp_path)
    import clumsy_map  # type: ignore[import-not-found]

    tasks = [(str(tmp_path), number) for number in range(30)]
    with pytest.raises(RunError, match="signal 9"):
        list(mapped(clumsy_map.clumsy, tasks, 2))
    assert list(mapped(clumsy_map.clumsy, tasks, 2, retries=1)) == list(range(30))


def test_a_task_that_is_lost_gives_no_result() -> None:
    lost: list[tuple[int, str]] = []
    codes = [3, 4, 5]
    assert list(mapped(os._exit, codes, 2, retries=1, lost=lambda task, how: lost.append((task, how)))) == []
    assert sorted(lost) == [(code, f"exit code {code}") for code in codes]


def test_a_script_without_its_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from occbench.processes import mapped\nprint(list(mapped(abs, [-1, -2], 2, retries=5)))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "RunError: A worker process could not start (exit code 1" in done.stderr
    assert 'under `if __name__ == "__main__":`' in done.stderr
