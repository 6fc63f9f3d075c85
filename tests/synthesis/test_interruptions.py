"""Disks that are full or closed, and real photographs."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from occbench.errors import OccbenchError, RunError
from occbench.manifest import MANIFEST, read
from occbench.manifest.verify import verify
from occbench.synthesis.dataset import rebuild, synthesise
from occbench.synthesis.recipe import resolve
from occbench.synthesis.selection import Rows, Selection

Select = Callable[..., Selection]
Tree = Callable[[Path], dict[str, str]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 700 kB; skips where none may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount command here")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_is_really_full(select: Select, small_disk: Path, tmp_path: Path, tree: Tree, workers: int) -> None:
    with pytest.raises(RunError, match=r"Cannot write .*disk/out.*--resume"):
        synthesise(select(), small_disk / "out", workers=workers)
    assert not (small_disk / "out" / MANIFEST).exists()
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    synthesise(select(), small_disk / "out", workers=workers, resume=True)
    synthesise(select(), tmp_path / "whole", workers=1)
    assert tree(small_disk / "out") == tree(tmp_path / "whole")


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount command here")
def test_a_disk_that_is_read_only(select: Select, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(OccbenchError, match=r"disk/out.*[Rr]ead-only file system.*another folder"):
        synthesise(select(), small_disk / "out", workers=1)


def test_another_occluder_leaves_the_other_pairs_alone(select: Select, tmp_path: Path) -> None:
    few, many = ({"occluders": names, "limit": 6} for names in (["noise"], ["black-box", "noise", "random-shape"]))
    synthesise(select(**few), tmp_path / "few", workers=1)
    synthesise(select(**many), tmp_path / "many", workers=1)
    before = list(read(tmp_path / "few" / MANIFEST))
    after = [row for row in read(tmp_path / "many" / MANIFEST) if row.occluder == "noise"]
    assert before == after


@pytest.mark.real
def test_real_photographs_made_and_made_again(shared: Path, tmp_path: Path, tree: Tree) -> None:
    root = shared / "data" / "lfw"
    recipe = resolve({"source": "lfw", "occluders": ["mask", "sunglasses", "cup"], "split": "test", "limit": 5}, "test")
    summary = synthesise(Selection(recipe, root), tmp_path / "one", workers=1)
    assert (summary.photographs, sum(summary.pairs.values())) == (5, 15)
    synthesise(Selection(recipe, root), tmp_path / "two", workers=2)
    assert tree(tmp_path / "two") == tree(tmp_path / "one")
    assert rebuild(Rows(tmp_path / "one" / MANIFEST), root, tmp_path / "again", workers=1).rejects == {}
    assert (tmp_path / "again" / MANIFEST).read_bytes() == (tmp_path / "one" / MANIFEST).read_bytes()
    assert verify(tmp_path / "again").ok
