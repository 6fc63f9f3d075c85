"""Landmarks on disk, so that a second recipe over the same photographs does not detect again.

One SQLite file for all sources, keyed by the photograph's sha256 and the detector's signature. It may be deleted at any time, and
it never stops a run: where it cannot be read or written the run goes on without it, after one warning.
"""

import os
import sqlite3
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.landmarks import Landmarks, Mesh
from occbench.landmarks.head import MESH

_FILE = "landmarks-1.sqlite"  # the number is the format's
_BATCH = 64  # answers a transaction: few locks between workers, and few lost when one is killed
_POINTS = 68 * 2
_MESH = len(MESH) * 2 + 9  # more numbers from detectors that have a mesh: its points, and the head's rotation in millionths
_WAIT = 20.0  # seconds to wait for another process's transaction
_TABLE = """CREATE TABLE IF NOT EXISTS answers (
    photograph TEXT, detector TEXT, points BLOB, warnings TEXT, reason TEXT, detail TEXT, PRIMARY KEY (photograph, detector)
) WITHOUT ROWID"""


class Cache:
    """Answers of detectors: landmarks, or why there are none. Safe for several processes at once, each with its own `Cache`.

    Args:
        folder: made when the first answer is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / _FILE
        self._connection: sqlite3.Connection | None = None
        self._pending: list[tuple[str | bytes | None, ...]] = []
        self._owner = 0  # the process that opened the connection: SQLite's must not be carried over a fork
        self._broken = self._read_only = False

    def get(self, photograph: str, detector: str) -> Landmarks | Rejected | None:
        """What `detector` (a signature) said about the photograph with this sha256; None where it was not asked yet."""
        connection = self._open()
        if connection is None:
            return None
        try:
            row = connection.execute(
                "SELECT points, warnings, reason, detail FROM answers WHERE photograph = ? AND detector = ?", (photograph, detector)
            ).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        if row is None:
            return None
        points, codes, reason, detail = row
        if points is None:
            return Rejected(reason, detail)
        if len(points) not in (4 * _POINTS, 4 * (_POINTS + _MESH)):
            return None
        numbers = np.frombuffer(points, dtype="<i4")
        mesh = _unpacked(numbers[_POINTS:]) if len(numbers) > _POINTS else None
        return Landmarks(numbers[:_POINTS].reshape(68, 2) / 10, detector, tuple(codes.split()), mesh)

    def put(self, photograph: str, detector: str, answer: Landmarks | Rejected) -> None:
        """Remember an answer; points are kept to 0.1 px."""
        if isinstance(answer, Rejected):
            self._pending.append((photograph, detector, None, None, answer.reason, answer.detail))
        else:
            numbers = [answer.points.ravel() * 10]
            if answer.mesh:
                numbers += [answer.mesh.points.ravel() * 10, np.ravel(answer.mesh.rotation) * 1e6]
            packed = np.rint(np.concatenate(numbers)).astype("<i4").tobytes()
            self._pending.append((photograph, detector, packed, " ".join(answer.warnings), None, None))
        if len(self._pending) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is still in memory."""
        rows, self._pending = self._pending, []
        connection = self._open() if rows and not self._read_only else None
        if connection is None:
            return
        try:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            self._read_only = True
            warnings.warn(
                f"The landmark cache {self.path} cannot be written: {error}. Going on without adding to it.", stacklevel=2
            )

    def close(self) -> None:
        """Flush, and let go of the file."""
        self.flush()
        if self._connection is not None and self._owner == os.getpid():
            self._connection.close()
        self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        if self._broken or (self._connection is not None and self._owner == os.getpid()):
            return self._connection
        self._owner = os.getpid()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _connect(self.path)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                warnings.warn(f"The landmark cache {self.path} is damaged ({error}): starting a new one.", stacklevel=2)
                self.path.unlink(missing_ok=True)
                self._connection = _connect(self.path)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)
        return self._connection

    def _give_up(self, error: Exception) -> None:
        self._broken, self._connection = True, None
        warnings.warn(f"Going on without the landmark cache {self.path}: {error}. Delete it, or name another.", stacklevel=2)


def _unpacked(numbers: npt.NDArray[np.int32]) -> Mesh:
    first, second, third = (numbers[-9:].reshape(3, 3) / 1e6).tolist()
    return Mesh(numbers[:-9].reshape(-1, 2) / 10, (tuple(first), tuple(second), tuple(third)))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT)
    connection.execute("PRAGMA synchronous = OFF")  # survives a killed process; a power cut costs the cache, which is no loss
    connection.execute(_TABLE)
    return connection
