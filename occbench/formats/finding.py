"""Photographs by the sha256 of their files."""

import hashlib
from collections.abc import Iterator, Set
from itertools import islice
from pathlib import Path

from occbench.errors import Rejected
from occbench.faces.files import children
from occbench.images import read_bytes
from occbench.manifest import RECORDS
from occbench.processes import mapped

_FILES = 64  # hashed by one task


def find_by_hash(root: Path, wanted: Set[bytes], workers: int) -> dict[bytes, Path]:
    """Where photographs lie, whatever they are called.

    Args:
        root: folder; files anywhere below it are read and hashed.
        wanted: sha256 of the files, 32 bytes each.
        workers: processes.

    Returns:
        Hash to path, for those that are there. Of equal files the first by path.

    Raises:
        InputError: a folder that cannot be listed.
        RunError: a process died.
    """
    found: dict[bytes, Path] = {}
    for hashed in mapped(_hashed, _chunks(_files(str(root))), workers):
        for path, digest in hashed:
            if digest in wanted:
                found[digest] = min(found.get(digest, path), path)
    return found


def _chunks(paths: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(paths, _FILES)):
        yield chunk


def _files(root: str) -> Iterator[str]:
    """All files below a folder but hidden ones and those of our own data sets; links to folders are followed, each folder once."""
    folders, visited = [root], set[tuple[int, int]]()
    while folders:
        folder = folders.pop()
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in visited or (Path(folder) / RECORDS).is_dir():
            continue
        visited.add((status.st_dev, status.st_ino))
        for entry in children(folder):
            try:
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.is_file():
                    yield entry.path
            except OSError:  # a link in a circle
                continue


def _hashed(paths: list[str]) -> list[tuple[Path, bytes]]:
    """Paths with the sha256 of their files, where they can be read."""
    hashed = []
    for path in map(Path, paths):
        try:
            hashed.append((path, hashlib.sha256(read_bytes(path)).digest()))
        except Rejected:  # larger than any photograph, or not to be opened: then it is missing
            continue
    return hashed
