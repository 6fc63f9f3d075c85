import math
import os
import time
from collections.abc import Iterator

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
