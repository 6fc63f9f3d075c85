"""Memory-mapped uint8 arrays on disk, made once and shared by every run that needs the same pixels."""

import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.atomic import writing

Image = npt.NDArray[np.uint8]

_FACTS = "facts.json"
_SIZES = "bytes"  # of the arrays, among the facts: what tidies caches up may take one away


def stored(folder: Path, make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Make a folder of arrays unless it is there: under another name, then renamed, so that it is there whole or not at all.

    Args:
        folder: named after a hash of all that its content depends on.
        make: writes the arrays into the folder that it is given, and returns facts about them, plain JSON data.

    Returns:
        The facts.

    Raises:
        RunError: the disk is full, or the like; nothing is left behind.
    """
    facts = _whole(folder)
    if facts is not None:
        return facts
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    with writing(folder):
        temporary.mkdir(parents=True)
    try:
        with writing(folder):
            facts = make(temporary)
            sizes = {path.name: path.stat().st_size for path in temporary.iterdir()}
            (temporary / _FACTS).write_text(json.dumps({**facts, _SIZES: sizes}), encoding="utf-8")
            for path in temporary.iterdir():  # or a power cut might leave arrays of zeros under a name that promises pixels
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            try:
                temporary.rename(folder)
            except OSError:  # something is there
                quicker = _whole(folder)
                if quicker is not None:
                    return quicker  # another run's; its arrays are the same
                shutil.rmtree(folder)
                temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return facts


def _whole(folder: Path) -> dict[str, Any] | None:
    """The facts about a folder; None where it is not there, or has lost something."""
    try:
        facts = dict(json.loads((folder / _FACTS).read_text(encoding="utf-8")))
        sizes = facts.pop(_SIZES, {})
        return facts if all((folder / name).stat().st_size == size for name, size in sizes.items()) else None
    except (OSError, ValueError):
        return None


def create(path: Path, shape: tuple[int, ...]) -> None:
    """An array of zeros on disk, for `fill`."""
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()


def fill(path: Path, first: int, images: list[Image]) -> None:
    """Write images into rows of an array, from row `first` on."""
    rows = np.load(path, mmap_mode="r+")
    rows[first : first + len(images)] = np.stack(images)


def opened(path: Path) -> Image:
    """An array, read-only, without reading it."""
    return np.asanyarray(np.load(path, mmap_mode="r"))
