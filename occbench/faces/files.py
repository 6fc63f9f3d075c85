"""Files on this machine and image ids: what is there, what a manifest calls it, and the way back, which never leaves the root."""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from occbench.errors import InputError, UsageError

_LEFT_BEHIND = ("__MACOSX", "@eaDir")  # by macOS in archives, by network storage beside every photograph


def existing_folder(root: Path | None, source: str) -> Path:
    """`root`, if it is a folder.

    Raises:
        UsageError: no root given.
        InputError: no folder there.
    """
    if root is None:
        raise UsageError(f"The source {source!r} needs the folder with its photographs: name it with --root.")
    if not root.is_dir():
        raise InputError(
            f"{root} is {'no folder' if root.exists() else 'not there'}: --root must be the folder with the photographs."
        )
    return root


def children(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, in the file system's own order; without hidden entries and those that systems leave behind.

    Raises:
        InputError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.name not in _LEFT_BEHIND]
    except OSError as error:
        raise InputError(f"{folder} cannot be listed: {error.strerror or error}.") from error


def folders_below(folder: Path) -> list[Path]:
    """Folders in a folder, also through links, sorted.

    Raises:
        InputError: it cannot be listed.
    """
    entries = children(str(folder))
    return sorted(Path(e.path) for e in entries if e.is_dir(follow_symlinks=False) or is_link_to_folder(e))


def first_file(folders: Iterable[Path], names: Iterable[str]) -> Path | None:
    """The first of these files that exists: any of the names in the first folder, then in the next."""
    names = tuple(names)
    return next((path for folder in folders for name in names if (path := folder / name).is_file()), None)


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text without white space around it) of the lines of a text file; empty ones are left out.

    Raises:
        InputError: it cannot be read as text.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if text := line.strip():
                    yield number, text
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}.") from error


def is_link_to_folder(entry: os.DirEntry[str]) -> bool:
    """A symbolic link that leads to a folder; links in circles lead nowhere."""
    return entry.is_symlink() and Path(entry.path).is_dir()


def id_of(name: str) -> str:
    """A file name (or relative path) as image ids have it: in NFC, with bytes that are not UTF-8 as `%E9`.

    So it is the same for a copy that another system has normalised, and can be stored as text.
    """
    return unicodedata.normalize("NFC", "".join(_escape(c) if "\udc80" <= c <= "\udcff" else c for c in name))


def locate(root: Path, relative: str) -> Path:
    """The file under `root` whose name is `relative` as `id_of` spells it.

    Raises:
        InputError: a path that would leave the root, also through a symbolic link; or nothing of this name.
    """
    parts = relative.split("/")
    if "\0" in relative or any(part in ("", ".", "..") for part in parts):
        raise InputError(f"The image id {relative!r} is no path below the root: it must be relative, without '..'.")
    path = root
    for part in parts:
        path = _child(path, part, relative)
    try:
        inside = path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # links in a circle
        raise InputError(f"{path} cannot be followed ({error}).") from None
    if not inside:
        raise InputError(f"{path} is a link that leads out of {root}. Replace it by a copy, or name the other folder with --root.")
    return path


def _escape(surrogate: str) -> str:
    return f"%{ord(surrogate) - 0xDC00:02X}"


def _child(folder: Path, name: str, wanted: str) -> Path:
    """The entry that is called `name`, or whose name `id_of` spells so."""
    if os.path.lexists(folder / name):
        return folder / name
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if id_of(entry.name) == name:
                    return folder / entry.name
    except OSError:
        pass  # no folder, then
    raise InputError(f"No photograph {wanted!r}: looked for {name!r} in {folder}. Is this copy of the source complete?")
