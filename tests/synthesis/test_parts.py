"""A run that several machines share: parts, merging, and what must not go wrong between them."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import InputError, UsageError
from occbench.manifest import MANIFEST
from occbench.synthesis.dataset import gather, make_part, merge, rebuild, rebuild_part, synthesise
from occbench.synthesis.plan import Part, shard_size
from occbench.synthesis.selection import Rows, Selection

Select = Callable[..., Selection]
Tree = Callable[[Path], dict[str, str]]


@pytest.fixture
def whole(select: Select, tmp_path: Path, tree: Tree) -> dict[str, str]:
    synthesise(select(), tmp_path / "whole", workers=1)
    return tree(tmp_path / "whole")


@given(st.integers(1, 100_000), st.integers(1, 300))
def test_parts_cover_everything_once(photographs: int, count: int) -> None:
    shards = -(-photographs // shard_size(photographs))
    parts = [Part(index, count) for index in range(count)]
    assert [number for part in parts for number in part.of(shards)] == list(range(shards))
    assert sum(part.photographs(photographs) for part in parts) == photographs


@given(st.integers(1, 1000), st.integers(1, 300))
def test_parts_are_equally_large(shards: int, count: int) -> None:
    sizes = [len(Part(index, count).of(shards)) for index in range(count)]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("index", "count"), [(3, 3), (-1, 3), (0, 0)])
def test_a_part_that_does_not_exist(index: int, count: int) -> None:
    with pytest.raises(UsageError, match="There is no part"):
        Part(index, count)


@pytest.mark.parametrize("count", [1, 3, 30])
def test_parts_in_one_folder_make_the_whole(select: Select, whole: dict[str, str], tmp_path: Path, tree: Tree, count: int) -> None:
    for index in reversed(range(count)):
        make_part(select(), tmp_path / "out", Part(index, count), workers=1)
    merge(tmp_path / "out")
    assert tree(tmp_path / "out") == whole


def test_parts_in_several_folders_make_the_whole(select: Select, whole: dict[str, str], tmp_path: Path, tree: Tree) -> None:
    folders = [tmp_path / f"part-{index}" for index in range(3)]
    for index, folder in enumerate(folders):
        make_part(select(), folder, Part(index, 3), workers=1)
    gather(reversed(folders), tmp_path / "out")
    assert tree(tmp_path / "out") == whole


def test_gathering_goes_on_where_it_was_stopped(select: Select, whole: dict[str, str], tmp_path: Path, tree: Tree) -> None:
    folders = [tmp_path / f"part-{index}" for index in range(2)]
    for index, folder in enumerate(folders):
        make_part(select(), folder, Part(index, 2), workers=1)
    with pytest.raises(UsageError, match="missing"):
        gather(folders[:1], tmp_path / "out")
    gather(folders, tmp_path / "out")
    assert tree(tmp_path / "out") == whole


def test_a_part_goes_on_where_it_was_stopped(select: Select, whole: dict[str, str], tmp_path: Path, tree: Tree) -> None:
    make_part(select(), tmp_path / "out", Part(0, 4), workers=1)
    share = make_part(select(), tmp_path / "out", Part(0, 2), workers=1)
    assert share.counts["photographs"] == Part(0, 2).photographs(21) - Part(0, 4).photographs(21)
    make_part(select(), tmp_path / "out", Part(1, 2), workers=1)
    merge(tmp_path / "out")
    assert tree(tmp_path / "out") == whole


def test_one_machine_can_finish_what_others_left(select: Select, whole: dict[str, str], tmp_path: Path, tree: Tree) -> None:
    make_part(select(), tmp_path / "out", Part(1, 3), workers=1)
    synthesise(select(), tmp_path / "out", workers=1, resume=True)
    assert tree(tmp_path / "out") == whole


def test_missing_parts_are_named(select: Select, tmp_path: Path) -> None:
    make_part(select(), tmp_path / "out", Part(1, 3), workers=1)
    with pytest.raises(UsageError, match=r"14 of 21 shards of .* are missing: 0–6, 14–20"):
        merge(tmp_path / "out")


def test_merging_twice_changes_nothing(select: Select, tmp_path: Path, tree: Tree) -> None:
    make_part(select(), tmp_path / "out", Part(0, 1), workers=1)
    first = merge(tmp_path / "out")
    before = tree(tmp_path / "out")
    assert merge(tmp_path / "out") == first
    assert tree(tmp_path / "out") == before


def test_a_part_touches_nothing_that_others_are_writing(select: Select, tmp_path: Path) -> None:
    make_part(select(), tmp_path / "out", Part(0, 3), workers=1)
    theirs = tmp_path / "out" / "occluded" / ".a.png.12.tmp"
    theirs.write_bytes(b"half")
    make_part(select(), tmp_path / "out", Part(1, 3), workers=1)
    assert theirs.exists()


def test_merging_too_early_touches_nothing_that_others_are_writing(select: Select, tmp_path: Path) -> None:
    make_part(select(), tmp_path / "out", Part(0, 3), workers=1)
    theirs = tmp_path / "out" / "clean" / "0000" / ".a.png.12.tmp"
    theirs.write_bytes(b"half")
    with pytest.raises(UsageError, match="missing"):
        merge(tmp_path / "out")
    assert theirs.exists()
    synthesise(select(), tmp_path / "out", workers=1, resume=True)
    assert not theirs.exists()


def test_parts_at_the_same_moment(fake_lfw: Path, tmp_path: Path, tree: Tree) -> None:
    options = "--source lfw --occluders noise --landmarks canonical --size 48 --per-image 40 --workers 1"
    command = [sys.executable, "-m", "occbench", "synth", "--root", str(fake_lfw), "--cache", str(tmp_path), *options.split()]

    def start(index: int) -> subprocess.Popen[str]:
        part = ["--out", str(tmp_path / "out"), "--shard-index", str(index), "--num-shards", "3"]
        return subprocess.Popen([*command, *part], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    parts = [start(index) for index in (0, 1, 1, 2)]  # one of them twice
    while not (tmp_path / "out" / ".occbench" / "000000.parquet").exists() and parts[0].poll() is None:
        time.sleep(0.01)
    parts[0].send_signal(signal.SIGTERM)
    said = [part.communicate()[1] for part in parts]
    assert [part.returncode for part in parts] == [130, 0, 0, 0], said
    again = start(0)
    assert again.wait() == 0, again.communicate()
    merge(tmp_path / "out")
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True, capture_output=True)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_shard_of_another_run_is_refused(select: Select, tmp_path: Path) -> None:
    for seed in (0, 1):
        make_part(select(seed=seed), tmp_path / f"{seed}", Part(0, 1), workers=1)
    shutil.copy(tmp_path / "1/.occbench/000004.parquet", tmp_path / "0/.occbench/000004.parquet")
    with pytest.raises(InputError, match=r"000004\.parquet is of another run"):
        merge(tmp_path / "0")


def test_what_is_no_shard_is_left_alone(select: Select, whole: dict[str, str], tmp_path: Path, tree: Tree) -> None:
    make_part(select(), tmp_path / "part", Part(0, 1), workers=1)
    (tmp_path / "part" / ".occbench" / "1 (copy).parquet").write_bytes(b"")
    gather([tmp_path / "part"], tmp_path / "out")
    assert tree(tmp_path / "out") == whole


def test_merging_what_has_lost_its_images(select: Select, tmp_path: Path) -> None:
    make_part(select(), tmp_path / "out", Part(0, 1), workers=1)
    shutil.rmtree(tmp_path / "out" / "mask")
    with pytest.raises(InputError, match=r"mask/0000/.*png was made, and is not there as it was"):
        merge(tmp_path / "out")


def test_an_import_has_no_parts(tmp_path: Path) -> None:
    (tmp_path / ".occbench").mkdir()
    (tmp_path / ".occbench" / "run.json").write_text('{"finished": true, "run": {"import": {}, "code_schema": 1}}')
    for merging in (lambda: merge(tmp_path), lambda: gather([tmp_path], tmp_path / "out")):
        with pytest.raises(UsageError, match="no run of occbench synth"):
            merging()


def test_parts_of_different_runs_are_refused(select: Select, tmp_path: Path) -> None:
    make_part(select(), tmp_path / "out", Part(0, 2), workers=1)
    with pytest.raises(UsageError, match=r"recipe\.seed: 0 -> 1"):
        make_part(select(seed=1), tmp_path / "out", Part(1, 2), workers=1)
    make_part(select(seed=1), tmp_path / "other", Part(1, 2), workers=1)
    with pytest.raises(UsageError, match="different runs"):
        gather([tmp_path / "out", tmp_path / "other"], tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_a_folder_with_something_else_is_refused(select: Select, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match="no run of occbench"):
        make_part(select(), tmp_path, Part(0, 2), workers=1)
    with pytest.raises(UsageError, match="holds no run"):
        merge(tmp_path)


def test_a_part_whose_images_are_gone_is_refused(select: Select, tmp_path: Path) -> None:
    make_part(select(), tmp_path / "part", Part(0, 1), workers=1)
    next((tmp_path / "part" / "mask").rglob("*.png")).unlink()
    with pytest.raises(InputError, match="is missing"):
        gather([tmp_path / "part"], tmp_path / "out")


def test_parts_can_rebuild_a_manifest(select: Select, fake_lfw: Path, tmp_path: Path, tree: Tree) -> None:
    synthesise(select(), tmp_path / "whole", workers=1)
    manifest = Path(shutil.copy(tmp_path / "whole" / MANIFEST, tmp_path / "benchmark.parquet"))
    rebuild(Rows(manifest), fake_lfw, tmp_path / "once", workers=1)
    for index in range(3):
        rebuild_part(Rows(manifest), fake_lfw, tmp_path / "parts", Part(index, 3), workers=1)
    merge(tmp_path / "parts")
    assert tree(tmp_path / "parts") == tree(tmp_path / "once")


@pytest.mark.parametrize(("options", "rows"), [({"split": "test"}, 24), ({"limit": 5}, 20), ({"split": "test", "limit": 2}, 8)])
def test_a_part_of_a_manifest_can_be_rebuilt(
    select: Select, fake_lfw: Path, tmp_path: Path, options: dict[str, object], rows: int
) -> None:
    synthesise(select(), tmp_path / "whole", workers=1)
    some = Rows(tmp_path / "whole" / MANIFEST, **options)  # type: ignore[arg-type]
    summary = rebuild(some, fake_lfw, tmp_path / "out", workers=1)
    assert sum(summary.pairs.values()) == rows == some.estimate()["pairs"]
    assert summary.rejected == 0
