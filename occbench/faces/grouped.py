"""A text file of millions of rows `GROUP/NAME`, perhaps with numbers behind commas, that is read group by group."""

import math
from collections.abc import KeysView
from pathlib import Path
from typing import BinaryIO

from occbench.errors import InputError

_MAX_RANGES = 100_000  # places to remember; VGGFace2 has 8,631 people in its larger file


class Grouped:
    """Where the rows of each group lie: one pass over the file notes that, and nothing else is kept.

    So memory grows with the number of groups, and not with that of rows. Names lose quotes around them and the suffix `.jpg`.

    Args:
        path: the file; UTF-8, with or without a byte order mark, any line endings.
        columns: of its header, in capitals; () for a file without header and numbers.

    Raises:
        InputError: it cannot be read, has another header, a row that begins otherwise, or rows too mixed to be noted.
    """

    def __init__(self, path: Path, columns: tuple[str, ...] = ()) -> None:
        self.path = path
        self._width = max(1, len(columns))
        self._ranges: dict[str, list[tuple[int, int]]] = {}
        try:
            with path.open("rb") as file:
                header = file.readline() if columns else b""
                given = [cell.upper() for cell in self._cells(header)]
                if given != list(columns):
                    shown = ", ".join(given)[:200] or "none"
                    raise InputError(
                        f"{path} begins with the columns {shown}, and not with {', '.join(columns)}: have two files swapped names?"
                    )
                self._note(file, len(header))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error}.") from error

    @property
    def groups(self) -> KeysView[str]:
        """Names of the groups."""
        return self._ranges.keys()

    def rows(self, group: str) -> dict[str, list[float]]:
        """Name to values of the rows of one group; of a name that occurs twice, the last.

        Raises:
            InputError: a row with more or fewer values than the header, or with a value that is no finite number.
        """
        found = {}
        try:
            with self.path.open("rb") as file:
                for start, end in self._ranges.get(group, ()):
                    file.seek(start)
                    for line in file.read(end - start).splitlines():
                        if cells := self._cells(line):
                            found[cells[0].partition("/")[2].removesuffix(".jpg")] = self._numbers(cells)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error}.") from error
        return found

    def _note(self, file: BinaryIO, start: int) -> None:
        """Note the rows from byte `start` on."""
        current, end, count = b"", start, 0
        for number, line in enumerate(file, 2 if start else 1):
            group, slash, _ = line.removeprefix(b"\xef\xbb\xbf").lstrip(b' "\t').partition(b"/")
            if not (group and slash):
                if text := line.strip()[:60].decode("utf-8", "replace"):
                    raise InputError(f"{self.path}, line {number}: {text!r} does not begin like 'n000002/0001_01'.")
            elif group != current:
                self._add(current, start, end)
                current, start, count = group, end, count + 1
                if count > _MAX_RANGES:
                    raise InputError(f"{self.path}: the rows of one person do not lie together. Sort its rows, keeping the header.")
            end += len(line)
        self._add(current, start, end)

    def _add(self, group: bytes, start: int, end: int) -> None:
        if group:
            self._ranges.setdefault(self._text(group), []).append((start, end))

    def _numbers(self, cells: list[str]) -> list[float]:
        try:
            numbers = [float(cell) for cell in cells[1:]]
        except ValueError:
            numbers = [math.nan]
        if len(cells) != self._width or not all(map(math.isfinite, numbers)):
            shown = ", ".join(cells[1:])[:100]
            raise InputError(
                f"{self.path}: behind {cells[0]} should be {self._width - 1} numbers, and there is: {shown or 'nothing'}."
            )
        return numbers

    def _cells(self, line: bytes) -> list[str]:
        text = self._text(line).removeprefix("\ufeff").replace('"', "").strip()
        return [cell.strip() for cell in text.split(",")] if text else []

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path} cannot be read as text: {error}.") from error
