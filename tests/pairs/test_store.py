"""The cache of decoded images: whole, or made again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occbench.errors import InputError, RunError
from occbench.images import decode_exact, encode_png
from occbench.manifest import MANIFEST, read
from occbench.pairs import paired, store
from occbench.pairs.paired import open_pairs


def arrays(into: Path) -> dict[str, int]:
    store.create(into / "a.npy", (3, 2, 2))
    store.fill(into / "a.npy", 1, [np.full((2, 2), 7, np.uint8)])
    return {"n": 3}


def test_rows_are_filled_where_they_belong(tmp_path: Path) -> None:
    assert store.stored(tmp_path / "x", arrays) == {"n": 3}
    assert store.opened(tmp_path / "x/a.npy")[:, 0, 0].tolist() == [0, 7, 0]


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    store.stored(tmp_path / "x", arrays)
    assert store.stored(tmp_path / "x", lambda into: pytest.fail("made again")) == {"n": 3}


def lose(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("name", ["facts.json", "a.npy"])
@pytest.mark.parametrize("spoil", [lose, empty, cut])
def test_what_lost_something_is_made_again(tmp_path: Path, name: str, spoil: Callable[[Path], None]) -> None:
    store.stored(tmp_path / "x", arrays)
    spoil(tmp_path / "x" / name)
    assert store.stored(tmp_path / "x", arrays) == {"n": 3}
    assert store.opened(tmp_path / "x/a.npy")[:, 0, 0].tolist() == [0, 7, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_another_user_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store.stored(tmp_path / "x", arrays)
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o755


def test_a_killed_process_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from occbench.pairs import store\n"
        "def make(into):\n"
        "    store.create(into / 'a.npy', (3, 2, 2))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "store.stored(pathlib.Path(sys.argv[1]), make)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "x").exists()
    assert store.stored(tmp_path / "x", arrays) == {"n": 3}


def test_a_disk_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file/x"):
        store.stored(tmp_path / "file/x", arrays)


def test_facts_are_plain_json(tmp_path: Path) -> None:
    store.stored(tmp_path / "x", arrays)
    assert json.loads((tmp_path / "x/facts.json").read_text())["n"] == 3


@pytest.fixture
def copy(data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(data, tmp_path / "data"))


@pytest.mark.parametrize("kind", ["mask_path", "clean_path"])
def test_every_kind_of_image_is_held_against_its_hash(copy: Path, tmp_path: Path, kind: str) -> None:
    path = copy / next(getattr(pair, kind) for pair in read(copy / MANIFEST) if pair.split == "train")
    pixels = decode_exact(path.read_bytes())
    pixels[0, 0] ^= 1
    path.write_bytes(encode_png(pixels))
    with pytest.raises(InputError, match="other pixels") as caught:
        open_pairs(copy, "train", cache=tmp_path / "cache", workers=1)
    assert path.name in str(caught.value)


@pytest.mark.parametrize(("width", "height"), [(72, 72), (64, 72)], ids=["another size", "not square"])
def test_mixed_sizes_are_refused(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, height: int) -> None:
    rows = list(read(copy / MANIFEST))
    changed = [replace(pair, width=width, height=height) if k == 5 else pair for k, pair in enumerate(rows)]
    monkeypatch.setattr(paired, "read", lambda path: iter(changed))
    with pytest.raises(InputError, match=f"squares of one size.*64×64 and {width}×{height} pixels.*--size"):
        open_pairs(copy, rows[5].split, cache=tmp_path / "cache", workers=1)


def test_several_processes_decode_the_same(data: Path, tmp_path: Path) -> None:
    one, two = (open_pairs(data, "train", cache=tmp_path / str(workers), workers=workers) for workers in (1, 2))
    for name in ("occluded", "masks", "photographs"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_splits_do_not_share_arrays(data: Path, tmp_path: Path) -> None:
    marks = {open_pairs(data, split, cache=tmp_path, workers=1).fingerprint for split in ("train", "test")}
    assert len(marks) == len(list((tmp_path / "pairs").iterdir())) == 2
