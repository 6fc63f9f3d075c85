"""Landmarks on disk: remembered exactly, shared by processes, and never the reason why a run stops."""

import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import Rejected
from occbench.landmarks import Landmarks, Mesh
from occbench.landmarks.cache import Cache
from occbench.landmarks.head import MESH

Array = npt.NDArray[np.float64]


@pytest.fixture
def landmarks(frontal: Array) -> Landmarks:
    return Landmarks(np.rint(frontal * 10) / 10, "fake 1", ("fitted-from-5-points",))


def test_what_is_put_is_got(tmp_path: Path, landmarks: Landmarks) -> None:
    cache = Cache(tmp_path / "new" / "folder")
    cache.put("abc", "fake 1", landmarks)
    cache.close()
    got = Cache(tmp_path / "new" / "folder").get("abc", "fake 1")
    assert isinstance(got, Landmarks)
    assert (got.points == landmarks.points).all()
    assert (got.detector, got.warnings) == (landmarks.detector, landmarks.warnings)


def test_a_mesh_is_remembered(tmp_path: Path, landmarks: Landmarks) -> None:
    rotation = ((0.999659, -0.024635, -0.008608), (0.025561, 0.990782, 0.13303), (0.005252, -0.133205, 0.991075))
    mesh = Mesh(np.rint(MESH[:, :2] * 10) / 10 + 0.1, rotation)
    cache = Cache(tmp_path)
    cache.put("abc", "fake 1", replace(landmarks, mesh=mesh))
    cache.put("abd", "fake 1", landmarks)
    cache.close()
    got, other = Cache(tmp_path).get("abc", "fake 1"), Cache(tmp_path).get("abd", "fake 1")
    assert isinstance(got, Landmarks)
    assert got.mesh is not None
    assert (got.points == landmarks.points).all()
    assert got.mesh.points == pytest.approx(mesh.points, abs=1e-9)
    assert got.mesh.rotation == rotation
    assert isinstance(other, Landmarks)
    assert other.mesh is None


def test_failures_are_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("abc", "fake 1", Rejected("no-face", "nobody there"))
    cache.flush()
    got = cache.get("abc", "fake 1")
    assert isinstance(got, Rejected)
    assert (got.reason, got.detail) == ("no-face", "nobody there")


@pytest.mark.parametrize(("photograph", "detector"), [("abd", "fake 1"), ("abc", "fake 2")], ids=["photograph", "detector"])
def test_another_photograph_or_detector_is_unknown(tmp_path: Path, landmarks: Landmarks, photograph: str, detector: str) -> None:
    cache = Cache(tmp_path)
    cache.put("abc", "fake 1", landmarks)
    cache.flush()
    assert cache.get(photograph, detector) is None


# A process that asks for a neighbour's answers and writes its own: (folder, worker, how many).
WRITER = """
import sys, warnings
from pathlib import Path
import numpy as np
from occbench.landmarks import Landmarks
from occbench.landmarks.cache import Cache
warnings.simplefilter("error")
folder, worker, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
cache = Cache(folder)
for number in range(count):
    cache.get(f"{worker - 1} {number}", "fake 1")
    cache.put(f"{worker} {number}", "fake 1", Landmarks(np.full((68, 2), worker + 0.5), "fake 1"))
cache.close()
"""


def writer(folder: Path, worker: int, count: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(worker), str(count)])


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    writers = [writer(tmp_path, worker, 300) for worker in range(3)]
    assert [w.wait() for w in writers] == [0, 0, 0]
    cache = Cache(tmp_path)
    for worker in range(3):
        for number in range(300):
            got = cache.get(f"{worker} {number}", "fake 1")
            assert isinstance(got, Landmarks)
            assert (got.points == worker + 0.5).all()


@pytest.mark.slow
def test_a_killed_writer_leaves_a_sound_file(tmp_path: Path, landmarks: Landmarks) -> None:
    process = writer(tmp_path, 1, 10**9)
    cache = Cache(tmp_path)
    try:
        deadline = time.monotonic() + 30
        while not cache.path.is_file() or cache.path.stat().st_size < 300_000:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    assert cache.get("1 0", "fake 1") is not None
    cache.put("abc", "fake 1", landmarks)
    cache.close()
    with sqlite3.connect(cache.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_damaged_file_is_replaced_with_a_warning(tmp_path: Path, landmarks: Landmarks) -> None:
    Cache(tmp_path).path.write_bytes(b"this is no database" * 100)
    cache = Cache(tmp_path)
    with pytest.warns(UserWarning, match="damaged"):
        assert cache.get("abc", "fake 1") is None
    cache.put("abc", "fake 1", landmarks)
    cache.close()
    assert Cache(tmp_path).get("abc", "fake 1") is not None


def test_a_file_that_is_damaged_inside_is_left_alone_with_a_warning(tmp_path: Path, landmarks: Landmarks) -> None:
    cache = Cache(tmp_path)
    for number in range(500):
        cache.put(f"{number}", "fake 1", landmarks)
    cache.close()
    data = cache.path.read_bytes()
    cache.path.write_bytes(data[:8192] + b"\xff" * (len(data) - 8192))
    with pytest.warns(UserWarning, match="Delete it"):
        answers = [cache.get(f"{number}", "fake 1") for number in range(500)]
    assert answers[-1] is None


def test_a_row_of_the_wrong_length_is_unknown(tmp_path: Path, landmarks: Landmarks) -> None:
    cache = Cache(tmp_path)
    cache.put("abc", "fake 1", landmarks)
    cache.close()
    with sqlite3.connect(cache.path) as connection:
        connection.execute("UPDATE answers SET points = x'0102'")
    assert cache.get("abc", "fake 1") is None


@pytest.mark.filterwarnings("error")
def test_a_cache_that_cannot_be_made_is_done_without(tmp_path: Path, landmarks: Landmarks) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "cache")
    with pytest.warns(UserWarning, match="without the landmark cache"):
        assert cache.get("abc", "fake 1") is None
    for _ in range(200):  # a second warning would be an error
        cache.put("abc", "fake 1", landmarks)
    cache.close()


def test_a_cache_that_cannot_be_written_is_still_read(tmp_path: Path, landmarks: Landmarks) -> None:
    cache = Cache(tmp_path)
    cache.put("abc", "fake 1", landmarks)
    cache.close()
    cache.get("abc", "fake 1")
    assert cache._connection is not None
    cache._connection.execute("PRAGMA query_only = ON")  # what a read-only file system does, also to the superuser
    cache.put("abd", "fake 1", landmarks)
    with pytest.warns(UserWarning, match="cannot be written"):
        cache.flush()
    assert cache.get("abc", "fake 1") is not None
