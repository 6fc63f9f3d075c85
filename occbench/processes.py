"""Work for several processes at once."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import TypeVar

from occbench.errors import RunError

T = TypeVar("T")
R = TypeVar("R")


def available() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def mapped(function: Callable[[T], R], tasks: Iterable[T], workers: int) -> Iterator[R]:
    """`map` over processes: results in the order of the tasks, of which only a few are drawn ahead.

    Args:
        function: at the top of a module, so that it can be named in another process.
        tasks: drawn in this process; what they raise is raised here.
        workers: processes; 1 stays in this one.

    Raises:
        RunError: a process died. What `function` raises comes through too.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    waiting: deque[Future[R]] = deque()
    left = iter(tasks)
    # Spawned, because forking a process that has threads may hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), _become_worker) as pool:
        try:
            waiting.extend(pool.submit(function, task) for task in islice(left, 4 * workers))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(pool.submit(function, task) for task in islice(left, 1))
        except BrokenProcessPool:
            raise RunError("A worker process died, probably for lack of memory. Try again with fewer --workers.") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _become_worker() -> None:
    """Leave interrupts to the parent, and end with it: after `kill -9` nobody must go on writing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()
