"""Work for several processes at once."""

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar, cast

from occbench.errors import RunError

T = TypeVar("T")
R = TypeVar("R")

_END = object()


def available() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(eq=False)
class _Job(Generic[T]):
    number: int
    task: T
    deaths: int = 0  # of processes that had it


@dataclass(eq=False)
class _Worker(Generic[T]):
    process: BaseProcess
    connection: Connection
    started: bool = False
    job: _Job[T] | None = None


def mapped(
    function: Callable[[T], R],
    tasks: Iterable[T],
    workers: int,
    *,
    retries: int = 0,
    lost: Callable[[T, str], None] | None = None,
) -> Iterator[R]:
    """`map` over processes: results in the order of the tasks, of which only a few are drawn ahead.

    When the caller is interrupted, or stops listening, the processes are ended at once, in the middle of their tasks.

    Args:
        function: at the top of a module, so that it can be named in another process.
        tasks: drawn in this process; what they raise is raised here.
        workers: processes; 1 stays in this one, where nothing is tried again.
        retries: how often a task whose process died is given to another process.
        lost: called with a task that has used up its retries, and with how its last process ended. The task gives no result and
            the others go on. None: that is an error.

    Raises:
        RunError: a process died, or could not start. What `function` raises comes through too, with its traceback as a note.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    team: dict[Connection, _Worker[T]] = {}
    free: list[_Worker[T]] = []
    busy: dict[Connection, _Worker[T]] = {}
    again: list[_Job[T]] = []
    done: dict[int, list[R]] = {}  # of a task: one result, or none where it was lost
    left, given, due = iter(tasks), 0, 0

    def bury(worker: _Worker[T], job: _Job[T]) -> None:
        how = _end(team.pop(worker.connection))
        job.deaths += 1
        if job.deaths <= retries:
            again.append(job)
        elif lost is not None:
            done[job.number] = []
            lost(job.task, how)
        else:
            raise RunError(f"A worker process died ({how}), probably for lack of memory. Try again with fewer --workers.")

    try:
        while True:
            while len(busy) < workers:
                if again:
                    job = again.pop()
                elif given - due < 4 * workers and (task := next(left, _END)) is not _END:
                    job = _Job(given, cast(T, task))
                    given += 1
                else:
                    break
                worker = free.pop() if free else _hire(function, team)
                try:
                    worker.connection.send((job.number, job.task))
                except ConnectionError:
                    bury(worker, job)
                else:
                    worker.job = job
                    busy[worker.connection] = worker
            if not busy and due == given:
                return
            for connection in cast(list[Connection], wait(list(busy)) if busy else []):
                worker = busy[connection]
                try:
                    answer = connection.recv()
                except (EOFError, ConnectionError):
                    del busy[connection]
                    bury(worker, cast(_Job[T], worker.job))
                    continue
                if answer is None:
                    worker.started = True
                    continue
                number, result, error = answer
                if error is not None:
                    raise error
                done[number] = [result]
                del busy[connection]
                free.append(worker)
            while due in done:
                yield from done.pop(due)
                due += 1
    except BaseException:
        for worker in team.values():
            worker.process.terminate()
        raise
    finally:
        for worker in team.values():
            worker.connection.close()
            worker.process.join()


def _hire(function: Callable[[T], R], team: dict[Connection, _Worker[T]]) -> _Worker[T]:
    """Start a process. Spawned, because forking a process that has threads may hang."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(function, theirs), daemon=True)
    resource_tracker.ensure_running()  # a helper of Python's; starting it later would unblock what is blocked next
    # A blocked signal stays blocked in the child: Ctrl-C reaches all processes of a terminal, but is for the parent to handle.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    team[ours] = _Worker(process, ours)
    return team[ours]


def _end(worker: _Worker[Any]) -> str:
    """How a process that is gone ended, in words.

    Raises:
        RunError: it ended by itself before it could take a task; others would do the same.
    """
    worker.connection.close()
    worker.process.join()
    code = worker.process.exitcode or 0
    if code < 0:
        return f"signal {-code}"
    if not worker.started:
        raise RunError(
            f"A worker process could not start (exit code {code}; what it said stands above). Each one first imports the script "
            'that was started: what a script does belongs under `if __name__ == "__main__":`.'
        )
    return f"exit code {code}"


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    """What a worker does: one task after the other, until the parent hangs up or dies."""
    parent = parent_process()
    assert parent is not None
    # After `kill -9` of the parent nobody must go on writing.
    threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()
    with suppress(ConnectionError):
        connection.send(None)  # has started
    while True:
        try:
            number, task = connection.recv()
        except (EOFError, ConnectionError):
            return
        try:
            connection.send((number, function(task), None))
        except Exception as error:
            connection.send((number, None, _portable(error)))


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note, or a stand-in where it cannot travel between processes."""
    error.add_note(traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RunError(f"{type(error).__name__}: {error}")
    return error
