"""Work for several processes at once."""

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar, cast

from occbench.errors import RunError

T = TypeVar("T")
R = TypeVar("R")

_END = object()


def available() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def mapped(function: Callable[[T], R], tasks: Iterable[T], workers: int) -> Iterator[R]:
    """`map` over processes: results in the order of the tasks, of which only a few are drawn ahead.

    When the caller is interrupted, or stops listening, the processes are ended at once, in the middle of their tasks.

    Args:
        function: at the top of a module, so that it can be named in another process.
        tasks: drawn in this process; what they raise is raised here.
        workers: processes; 1 stays in this one.

    Raises:
        RunError: a process died. What `function` raises comes through too, with its traceback as a note.
    """
    if workers == 1:
        yield from map(function, tasks)
        return
    team: dict[Connection, BaseProcess] = {}
    free: list[Connection] = []
    busy: set[Connection] = set()
    done: dict[int, R] = {}
    left, given, due = iter(tasks), 0, 0
    try:
        while True:
            while len(busy) < workers and given - due < 4 * workers and (task := next(left, _END)) is not _END:
                connection = free.pop() if free else _hire(function, team)
                busy.add(connection)
                _tell(team, connection, (given, task))
                given += 1
            if not busy:
                return
            for connection in cast(list[Connection], wait(list(busy))):
                number, result, error = _hear(team, connection)
                if error is not None:
                    raise error
                done[number] = result
                busy.remove(connection)
                free.append(connection)
            while due in done:
                yield done.pop(due)
                due += 1
    except BaseException:
        for process in team.values():
            process.terminate()
        raise
    finally:
        for connection, process in team.items():
            connection.close()
            process.join()


def _hire(function: Callable[[T], R], team: dict[Connection, BaseProcess]) -> Connection:
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
    team[ours] = process
    return ours


def _tell(team: dict[Connection, BaseProcess], connection: Connection, message: Any) -> None:
    try:
        connection.send(message)
    except ConnectionError:
        raise _dead(team[connection]) from None


def _hear(team: dict[Connection, BaseProcess], connection: Connection) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionError):
        raise _dead(team[connection]) from None


def _dead(process: BaseProcess) -> RunError:
    process.join()
    code = process.exitcode or 0
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return RunError(f"A worker process died ({how}), probably for lack of memory. Try again with fewer --workers.")


def _serve(function: Callable[[Any], Any], connection: Connection) -> None:
    """What a worker does: one task after the other, until the parent hangs up or dies."""
    parent = parent_process()
    assert parent is not None
    # After `kill -9` of the parent nobody must go on writing.
    threading.Thread(target=lambda: (wait([parent.sentinel]), os._exit(1)), daemon=True).start()
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
