"""Files that appear whole or not at all."""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from occbench.errors import RunError

_ADVICE = {
    errno.ENOSPC: " Free some space, then run the command again (with --resume, where it has that).",
    errno.EDQUOT: " Free some space, then run the command again (with --resume, where it has that).",
    errno.EROFS: " Choose another folder.",
    errno.EACCES: " Choose another folder.",
}

TEMPORARY = re.compile(r"\..+\.\d{7,}\.tmp")  # names that `unfinished` gives: what is left when somebody is killed


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around anything that writes: a full disk or a missing or read-only folder becomes a `RunError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise RunError(f"Cannot write {path}: {error.strerror or error}.{_ADVICE.get(error.errno or 0, '')}") from error


def unfinished(path: Path) -> Path:
    """A name beside `path` for what will take its name when it is whole; another one at each call."""
    # Not the process's number alone: in containers and on the machines of a cluster it is often the same.
    return path.with_name(f".{path.name}.{os.getpid()}{secrets.randbelow(10**6):06d}.tmp")


@contextmanager
def replacing(path: Path, *, fsync: bool = True) -> Iterator[Path]:
    """A temporary path beside `path`. When the block ends without an error, what was written there takes the name `path`.

    Args:
        path: in a folder that exists. What was there is replaced, or still there after any error.
        fsync: wait until it is on the disk, so that it also survives a power cut.

    Raises:
        RunError: the disk failed at the last moment. Put `writing` around what happens in the block.
    """
    temporary = unfinished(path)
    try:
        yield temporary
        with writing(path):
            if fsync:
                with temporary.open("rb") as stream:
                    os.fsync(stream.fileno())
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
