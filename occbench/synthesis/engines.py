"""Where shards are made: processes of this machine, or a Ray cluster. The files are the same, whoever makes them.

An engine gives a shard whose process died (killed, out of memory, its machine lost) to another process: a shard may be made any
number of times, and leaves the same bytes. One that keeps failing is set aside while the others go on.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from occbench import __version__, registry
from occbench.errors import InputError, RunError, UsageError
from occbench.processes import available, mapped
from occbench.synthesis.recipe import CODE_SCHEMA
from occbench.synthesis.shard import Making, Rebuilding
from occbench.weights import ENVIRONMENT

R = TypeVar("R")
Engine = Callable[[Callable[[Any], R], Iterable[Any]], Iterator[R]]

# Each is called with (function, tasks, workers, retries, lost) and yields results in any order. `lost` takes a shard that is given
# up, and how its last process died; what a shard raises ends the run.
ENGINES = {
    "local": "occbench.synthesis.engines:local",
    "ray": "occbench.synthesis.engines:on_ray",
}
RETRIES = 2

_MANY = 100  # shards lost: what is wrong is not the shards
_NAMED = 20  # of them in a message
_STORE = 80_000_000  # bytes of Ray's memory for objects; ours are small, and this is about the least that it takes
_PATIENCE = 120.0  # seconds until a file that another machine has written is seen on this one; NFS may take 60


def create(name: str, *, workers: int | None = None, retries: int = RETRIES) -> Engine[Any]:
    """An engine, before anything is touched.

    Args:
        name: a key of `ENGINES`.
        workers: shards at a time; default one for each core, of this machine or of the cluster.
        retries: how often a shard whose process died is tried again. Not with one local worker: that is this process.

    Returns:
        `engine(function, tasks)`: what `function` (`shard.make` or `shard.rebuild`) returns for each task, in any order. Tasks are
        drawn in this process as they are needed; few are in flight at once, so memory does not grow with their number. It raises
        what `function` does at once; and, after everything else is done, a `RunError` that names the shards that were given up.

    Raises:
        UsageError: there is no such engine, or what it needs is not installed.
    """
    start = registry.load("engines", ENGINES, name)
    if start is on_ray:
        _ray()
    return partial(_run, start, workers, retries)


def _run(
    start: Callable[..., Iterator[R]], workers: int | None, retries: int, function: Callable[[Any], R], tasks: Iterable[Any]
) -> Iterator[R]:
    lost: list[str] = []

    def give_up(task: Making | Rebuilding, how: str) -> None:
        times = f"{retries + 1} times, in the end" if retries else "1 time,"
        lost.append(f"{_name(task)}: its process died {times} by {how}")
        if len(lost) >= _MANY:
            raise _failure(lost)

    yield from start(function, tasks, workers, retries, give_up)
    if lost:
        raise _failure(lost)


def local(
    function: Callable[[Any], R], tasks: Iterable[Any], workers: int | None, retries: int, lost: Callable[[Any, str], None]
) -> Iterator[R]:
    """Processes of this machine."""
    return mapped(function, tasks, workers or available(), retries=retries, lost=lost)


def on_ray(
    function: Callable[[Any], R], tasks: Iterable[Any], workers: int | None, retries: int, lost: Callable[[Any, str], None]
) -> Iterator[R]:
    """A Ray cluster: the one that `RAY_ADDRESS` names or `ray start` has made here, else one of this machine alone.

    The folders of photographs and data set must be the same, under the same paths, on all machines, and so must occbench.

    Raises:
        InputError: no cluster answers, or one of its machines lacks a folder or has another occbench.
        RunError: a finished shard does not appear on this machine.
    """
    ray = _ray()
    ours = not ray.is_initialized()
    flying: dict[Any, tuple[Any, int]] = {}  # a shard, and how many processes that had it have died
    again: list[tuple[Any, int]] = []
    unseen: list[Path] = []
    left = ((task, 0) for task in tasks)
    try:
        if ours:
            _connect(ray, workers)
        attempt = _attempt(ray)
        while True:
            # Some more than there are cores, so that no core waits for this process.
            most = workers or 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(flying) < most and (job := again.pop() if again else next(left, None)) is not None:
                flying[attempt.remote(ray.cloudpickle.dumps((function, job[0])))] = job
            if not flying:
                break
            (ref,), _ = ray.wait(list(flying), num_returns=1)
            task, deaths = flying.pop(ref)
            try:
                unfit, result = ray.get(ref)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:  # not of the shard: its process or its machine is gone
                if deaths < retries:
                    again.append((task, deaths + 1))
                else:
                    lost(task, type(error).__name__)
                continue
            if unfit:
                raise InputError(unfit)
            if not task.place.rows.exists():
                unseen.append(task.place.rows)
            yield result
        _see(unseen)
    finally:
        for ref in flying:
            ray.cancel(ref, force=True)
        if ours:
            ray.shutdown()


def _name(task: Making | Rebuilding) -> str:
    """A shard by its number, and its first and last photograph."""
    if isinstance(task, Making):
        first, last = task.faces[0].image_id, task.faces[-1].image_id
    else:
        first, last = task.photographs[0][0].image_id, task.photographs[-1][0].image_id
    return f"shard {int(task.place.rows.stem)} ({first} to {last})"


def _failure(lost: list[str]) -> RunError:
    named = "".join(f"\n  {name}" for name in lost[:_NAMED])
    more = f"\n  and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    others = "the run was stopped" if len(lost) >= _MANY else "all others are finished"
    return RunError(
        f"{len(lost)} shard{'s' * (len(lost) > 1)} could not be made; {others}:{named}{more}\n"
        "Probably for lack of memory: go on with --resume, and fewer --workers. It makes only what is missing."
    )


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise UsageError(
            f"--engine ray needs a package that is not installed ({error.name}): pip install 'occbench[ray]'."
        ) from None


def _connect(ray: Any, workers: int | None) -> None:
    """Join the cluster, or start one here; quietly."""
    host, colon, port = os.environ.get("RAY_ADDRESS", "").rpartition(":")
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
    before = signal.getsignal(signal.SIGTERM)
    try:
        if colon and "/" not in host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), 10).close()
        try:
            ray.init(num_cpus=workers or available(), object_store_memory=_STORE, **quiet)
        except ValueError:  # there is a cluster, and its cores are not ours to count
            ray.init(**quiet)
    except (OSError, ValueError) as error:
        raise InputError(f"No Ray cluster can be joined (RAY_ADDRESS={host}{colon}{port}): {error}.") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has put in its own
    # What Ray has to say of dead processes goes to stdout, where results belong. There is no public switch.
    ray._private.worker._worker_logs_enabled = False


def _attempt(ray: Any) -> Any:
    """What a process of the cluster runs: (what is wrong with its machine or None, result).

    The function is nested, so that it travels as code, and a machine without the right occbench can say so.
    """
    here = (__version__, CODE_SCHEMA)
    environment = {ENVIRONMENT: os.environ[ENVIRONMENT]} if ENVIRONMENT in os.environ else {}

    def attempt(payload):  # type: ignore[no-untyped-def]  # nothing of this module may be named here
        import os
        import pickle
        import socket
        import traceback

        try:
            from occbench import __version__
            from occbench.synthesis.recipe import CODE_SCHEMA
        except ImportError as error:
            return f"occbench cannot be imported on {socket.gethostname()}: {error}.", None
        if (there := (__version__, CODE_SCHEMA)) != here:
            versions = " and ".join(f"{version} (code schema {schema})" for version, schema in (here, there))
            return f"occbench must be the same on all machines; here and on {socket.gethostname()} it is {versions}.", None
        os.environ.update(environment)
        function, task = pickle.loads(payload)
        for folder in (task.place.rows.parent, task.place.root):
            if folder is not None and not folder.is_dir():
                return f"{folder} is not there on {socket.gethostname()}: all machines must share it, under the same path.", None
        try:
            return None, function(task)
        except Exception as error:
            error.add_note(traceback.format_exc())
            raise

    # Ray's own retries stay out of it: it never stops trying a task that ran out of memory.
    return ray.remote(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")(attempt)


def _see(files: list[Path]) -> None:
    """Wait for files that other machines have written."""
    end = time.monotonic() + _PATIENCE
    while files := [file for file in files if not file.exists()]:
        if time.monotonic() > end:
            raise RunError(f"{files[0]} was written by another machine, but is not seen here: --out must lie where all share it.")
        time.sleep(1)
