"""Memory-mapped uint8 arrays on disk, made once and shared by every run that needs the same pixels."""

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.atomic import writing

Image = npt.NDArray[np.uint8]

_FACTS = "facts.json"


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
    facts = folder / _FACTS
    if not facts.is_file():
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            with writing(folder):
                (temporary / _FACTS).write_text(json.dumps(make(temporary)), encoding="utf-8")
                with suppress(OSError):
                    temporary.rename(folder)  # fails where another run was quicker; its arrays are the same
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return dict(json.loads(facts.read_text(encoding="utf-8")))


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
