"""Exports are folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from occbench.atomic import unfinished, writing
from occbench.errors import InputError, UsageError


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out`, to be filled. When the block ends without an error it takes that name; else it is deleted.

    Args:
        out: a folder that does not exist, or is empty; links are followed.

    Raises:
        UsageError: there is something already.
        InputError: no folder can be made there.
        RunError: the disk failed at the last moment.
    """
    out = Path(os.path.realpath(out))
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out needs a folder.")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty: choose another folder for --out.")
    temporary = unfinished(out)
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"Cannot write to {out.parent}: {error.strerror}. Choose another folder for --out.") from None
    try:
        yield temporary
        with writing(out):
            os.sync()
            temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
