import errno
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from occbench.errors import InputError, RunError, UsageError
from occbench.images import write_atomic
from occbench.manifest import MANIFEST, ManifestWriter, Pair, read, read_rejects
from occbench.manifest.verify import verify
from occbench.synthesis import shard
from occbench.synthesis.assembly import Summary
from occbench.synthesis.dataset import rebuild, synthesise
from occbench.synthesis.recipe import load, resolve
from occbench.synthesis.selection import Rows, Selection

QUICK = {"source": "lfw", "occluders": ["black-box", "noise"], "landmarks": ["canonical"], "size": 48, "per_image": 2}

Select = Callable[..., Selection]
Tree = Callable[[Path], dict[str, str]]


@pytest.fixture(scope="module")
def once(fake_lfw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("once") / "whole"
    synthesise(Selection(resolve(QUICK, "test"), fake_lfw), out, workers=1)
    return out


@pytest.fixture
def whole(once: Path, tmp_path: Path) -> Path:
    """A finished data set by the quick recipe."""
    return Path(shutil.copytree(once, tmp_path / "whole"))


def interrupted(selection: Selection, out: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A run that breaks off after some images, like a kill, but always at the same place."""
    written = 0

    def fails(path: Path, data: bytes, *, fsync: bool = True) -> None:
        nonlocal written
        written += path.suffix == ".png"
        if written > after:
            raise KeyboardInterrupt
        write_atomic(path, data, fsync=fsync)

    with monkeypatch.context() as patch:
        patch.setattr(shard, "write_atomic", fails)
        with pytest.raises(KeyboardInterrupt):
            synthesise(selection, out, workers=1)


def test_a_data_set(select: Select, tmp_path: Path) -> None:
    summary = synthesise(select(), tmp_path / "out", workers=1)
    assert summary.photographs == 21
    assert sum(summary.pairs.values()) == 21 * 4
    assert set(summary.pairs) == {"train", "val", "test"}
    assert summary.rejects == {}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("clean", "occluded", "mask", MANIFEST, "manifest.csv", "metadata.jsonl", "rejects.csv", "recipe.yaml", "README.md"),
        *("contact_sheet.png", "croissant.json", "distributions.png", ".occbench"),
    }
    assert verify(tmp_path / "out").ok


def test_rows_follow_photograph_occluder_and_index(whole: Path) -> None:
    keys = [(row.image_id, row.occluder, row.index) for row in read(whole / MANIFEST)]
    assert keys == sorted(keys)


@pytest.mark.parametrize("workers", [2, 5])
def test_the_number_of_workers_does_not_matter(select: Select, whole: Path, tmp_path: Path, tree: Tree, workers: int) -> None:
    synthesise(select(), tmp_path / "out", workers=workers)
    assert tree(tmp_path / "out") == tree(whole)


def test_the_order_of_a_directory_does_not_matter(
    select: Select, whole: Path, tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir, shuffle = os.scandir, random.Random(5).shuffle

    class Shuffled:
        def __init__(self, folder: Any) -> None:
            with scandir(folder) as entries:
                self.entries = list(entries)
            shuffle(self.entries)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.entries)

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Shuffled)
    synthesise(select(), tmp_path / "out", workers=1)
    monkeypatch.undo()
    assert tree(tmp_path / "out") == tree(whole)


@pytest.mark.parametrize("after", [0, 1, 57, 120])
def test_an_interrupted_run_goes_on(
    select: Select, whole: Path, tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    interrupted(select(), tmp_path / "out", monkeypatch, after)
    assert not (tmp_path / "out" / MANIFEST).exists()
    synthesise(select(), tmp_path / "out", workers=1, resume=True)
    assert tree(tmp_path / "out") == tree(whole)


def test_resuming_makes_only_what_is_missing(select: Select, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(select(), tmp_path / "out", monkeypatch, 120)
    made: list[Path] = []
    monkeypatch.setattr(
        shard, "write_atomic", lambda path, data, **options: (made.append(path), write_atomic(path, data, **options))
    )
    steps: list[tuple[int, int, int]] = []
    synthesise(select(), tmp_path / "out", workers=1, resume=True, progress=lambda *step: steps.append(step))
    assert 189 - 120 <= len([path for path in made if path.suffix == ".png"]) < 189 - 110
    assert sum(photographs for photographs, _, _ in steps) == 21


@pytest.mark.slow
def test_killed_at_random_moments(fake_lfw: Path, whole: Path, tmp_path: Path, tree: Tree) -> None:
    options = "--source lfw --occluders black-box,noise --landmarks canonical --size 48 --per-image 2 --workers 2 --resume"
    command = [sys.executable, "-m", "occbench", "synth", "--root", str(fake_lfw), "--out", str(tmp_path / "out"), *options.split()]
    moment = random.Random(3)
    for _ in range(12):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(moment.uniform(0.4, 1.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    subprocess.run(command, check=True, capture_output=True)
    assert tree(tmp_path / "out") == tree(whole)


def test_a_finished_run_is_left_alone(select: Select, whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()}
    summary = synthesise(select(), whole, workers=1, resume=True)
    assert sum(summary.pairs.values()) == 84
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"seed": 9}, "recipe.seed: 0 -> 9"),
        ({"per_image": 1}, "recipe.per_image: 2 -> 1"),
        ({"occluders": ["noise"]}, "recipe.occluders.black-box"),
        ({"source": "sample", "landmarks": ["dlib"]}, "recipe.source: lfw -> sample"),
        ({"limit": 5}, "photographs.count: 21 -> 5"),
    ],
)
def test_another_run_cannot_be_resumed(select: Select, whole: Path, tree: Tree, change: dict[str, Any], difference: str) -> None:
    before = tree(whole)
    with pytest.raises(UsageError, match=difference):
        synthesise(select(**change), whole, workers=1, resume=True)
    assert tree(whole) == before


def test_other_photographs_of_the_same_names_cannot_be_resumed(select: Select, fake_lfw: Path, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(fake_lfw, tmp_path / "other")
    photograph = next((tmp_path / "other").rglob("*.jpg"))
    photograph.write_bytes(photograph.read_bytes() + b"\0")
    with pytest.raises(UsageError, match=r"photographs\.sha256"):
        synthesise(select(tmp_path / "other"), whole, workers=1, resume=True)


def test_without_a_word_nothing_is_touched(select: Select, whole: Path, tmp_path: Path, tree: Tree) -> None:
    before = tree(whole)
    with pytest.raises(UsageError, match="--resume to go on with it, or --overwrite"):
        synthesise(select(), whole, workers=1)
    assert tree(whole) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UsageError, match="not empty"):
            synthesise(select(), tmp_path / "mine", workers=1, overwrite=overwrite)
    assert (tmp_path / "mine" / "note.txt").read_text() == "mine"


def test_overwriting_deletes_what_the_run_made_and_nothing_else(select: Select, whole: Path) -> None:
    (whole / "note.txt").write_text("mine")
    (whole / "clean" / "also mine.png").write_text("mine")
    synthesise(select(occluders=["noise"], per_image=1), whole, workers=1, overwrite=True)
    assert (whole / "note.txt").read_text() == "mine"
    report = verify(whole)
    assert [path for _, path, _ in report.problems] == ["clean/also mine.png"]


def test_overwriting_an_interrupted_run_leaves_nothing_of_it(
    select: Select, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(select(), tmp_path / "out", monkeypatch, 57)
    synthesise(select(occluders=["noise"], per_image=1, limit=3), tmp_path / "out", workers=1, overwrite=True)
    assert verify(tmp_path / "out").ok


def test_overwriting_does_not_follow_links(select: Select, whole: Path, tmp_path: Path) -> None:
    shutil.move(whole / "clean", tmp_path / "elsewhere")
    (whole / "clean").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    photographs = sorted((tmp_path / "elsewhere").rglob("*.png"))
    synthesise(select(limit=1), whole, workers=1, overwrite=True)
    assert len(photographs) == 21
    assert all(photograph.exists() for photograph in photographs)


def test_nothing_half_made_counts_as_a_run(select: Select, tmp_path: Path) -> None:
    (tmp_path / "out" / ".occbench").mkdir(parents=True)  # killed before it could say what it is
    synthesise(select(limit=2), tmp_path / "out", workers=1)
    assert verify(tmp_path / "out").ok


def test_a_full_disk(select: Select, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Path, tree: Tree) -> None:
    fsync, left = os.fsync, 40

    def full(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"Cannot write .*out.*No space left on device.*--resume"):
            synthesise(select(), tmp_path / "out", workers=1)
    synthesise(select(), tmp_path / "out", workers=1, resume=True)
    assert tree(tmp_path / "out") == tree(whole)


def test_an_output_that_cannot_be_made(select: Select, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="--out"):
            synthesise(select(), out, workers=1)


def test_an_empty_split_lists_the_others() -> None:
    selection = Selection(resolve({"source": "sample", "split": "train"}, "test"), None)
    with pytest.raises(UsageError, match=r"'train' of sample has no photographs.*test 2"):
        selection.estimate()


@pytest.mark.parametrize("crop", ["aligned", "none"])
def test_the_estimate_counts_and_weighs(select: Select, tmp_path: Path, crop: str) -> None:
    estimate = select(crop=crop, size=32).estimate()
    synthesise(select(crop=crop, size=32), tmp_path / "out", workers=1)
    really = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*.png") if path.parent != tmp_path / "out")
    assert (estimate["photographs"], estimate["pairs"]) == (21, 84)
    assert 0.3 < estimate["bytes"] / really < 3  # the photographs are noise, small ones at that


def test_folders_stay_small(select: Select, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "MAX_FOLDER", 16)
    synthesise(select(), tmp_path / "out", workers=1)
    for name in ("clean", "occluded", "mask"):
        sizes = [len(list(folder.iterdir())) for folder in sorted((tmp_path / "out" / name).iterdir())]
        assert max(sizes) <= 16
        assert len(sizes) == 6


def test_the_recipe_of_a_data_set_makes_it_again(whole: Path, fake_lfw: Path, tmp_path: Path, tree: Tree) -> None:
    again = Selection(resolve(load(str(whole / "recipe.yaml")), "recipe.yaml"), fake_lfw)
    synthesise(again, tmp_path / "out", workers=1)
    assert tree(tmp_path / "out") == tree(whole)


def test_the_recipe_says_what_it_was_made_from(whole: Path) -> None:
    assert yaml.safe_load((whole / "recipe.yaml").read_text())["made_from"]["photographs"]["count"] == 21


# Rebuilding.


@pytest.fixture
def copy(fake_lfw: Path, tmp_path: Path) -> Path:
    """The user's own copy of the photographs."""
    return Path(shutil.copytree(fake_lfw, tmp_path / "copy"))


def rebuilt(manifest: Path, root: Path, tmp_path: Path, **options: Any) -> tuple[Summary, Path]:
    return rebuild(Rows(manifest), root, tmp_path / "again", **{"workers": 1, **options}), tmp_path / "again"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_rebuilt_data_set_is_the_same(whole: Path, copy: Path, tmp_path: Path, tree: Tree, workers: int) -> None:
    _, again = rebuilt(whole / MANIFEST, copy, tmp_path, workers=workers)
    before, after = tree(whole), tree(again)
    for files in (before, after):
        del files[".occbench/run.json"], files["recipe.yaml"]
    assert after == before


def test_a_manifest_alone_is_enough(whole: Path, copy: Path, tmp_path: Path) -> None:
    shutil.move(whole / MANIFEST, tmp_path / "benchmark.parquet")
    shutil.rmtree(whole)
    summary, again = rebuilt(tmp_path / "benchmark.parquet", copy, tmp_path)
    assert summary.rejects == {}
    assert (again / MANIFEST).read_bytes() == (tmp_path / "benchmark.parquet").read_bytes()
    assert verify(again).ok


def test_photographs_that_are_gone_or_changed_are_listed(whole: Path, copy: Path, tmp_path: Path) -> None:
    first, second, *_ = sorted(copy.rglob("*.jpg"))
    first.unlink()
    Image.open(second).save(second, quality=50)
    summary, again = rebuilt(whole / MANIFEST, copy, tmp_path)
    assert summary.rejects == {"source-changed": 4, "source-missing": 4}
    assert {Path(reject.image_id).name for reject in read_rejects(again / "rejects.csv")} == {first.stem, second.stem}
    assert sum(summary.pairs.values()) == 84 - 8
    assert verify(again).ok


def altered(whole: Path, tmp_path: Path, change: Callable[[Pair], Pair]) -> Path:
    """The manifest with its first row changed."""
    with ManifestWriter(tmp_path / "altered.parquet") as writer:
        for number, row in enumerate(read(whole / MANIFEST)):
            writer.write(row if number else change(row))
    return tmp_path / "altered.parquet"


@pytest.mark.parametrize(
    ("change", "reason", "count"),
    [
        ({"occluded_sha256": "0" * 64}, "pixels-differ", 1),
        ({"mask_sha256": "0" * 64}, "pixels-differ", 1),
        ({"landmarks": np.full((68, 2), 5.0)}, "unusable-row", 1),
        ({"landmarks": np.linspace(-1e5, 1e5, 136).reshape(68, 2)}, "unusable-row", 1),
        ({"occluder": "teapot"}, "unusable-row", 1),
        ({"variant": "square-1000x1000"}, "unusable-row", 1),
        ({"parameters": {}}, "unusable-row", 1),
        ({"parameters": {"box": "x", "place": [], "level": None}}, "unusable-row", 1),
        ({"clean_sha256": "0" * 64}, "clean-differs", 4),
        ({"crop_matrix": (0.0,) * 6}, "unusable-row", 4),
        ({"crop_matrix": (1e-4, 0.0, 0.0, 0.0, 1e-4, 0.0)}, "unusable-row", 4),
        ({"width": 32000, "height": 2000}, "unusable-row", 4),
        ({"source": "folder", "image_id": "nobody.jpg"}, "source-missing", 1),
        ({"width": 40}, "clean-differs", 4),
    ],
)
def test_rows_that_do_not_hold_are_listed(
    whole: Path, copy: Path, tmp_path: Path, change: dict[str, Any], reason: str, count: int
) -> None:
    manifest = altered(whole, tmp_path, lambda row: replace(row, **change))
    summary, again = rebuilt(manifest, copy, tmp_path)
    assert summary.rejects.get(reason) == count
    assert sum(summary.pairs.values()) + sum(summary.rejects.values()) == 84
    assert verify(again).ok


def test_an_interrupted_rebuild_goes_on(
    whole: Path, copy: Path, tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tree(rebuilt(whole / MANIFEST, copy, tmp_path)[1])
    shutil.rmtree(tmp_path / "again")
    done = 0

    def breaks(*_: int) -> None:
        nonlocal done
        done += 1
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuilt(whole / MANIFEST, copy, tmp_path, progress=breaks)
    assert tree(rebuilt(whole / MANIFEST, copy, tmp_path, resume=True)[1]) == expected


def test_a_manifest_is_not_overwritten_by_its_own_data_set(whole: Path, copy: Path, tree: Tree) -> None:
    before = tree(whole)
    with pytest.raises(UsageError, match="choose another folder"):
        rebuild(Rows(whole / MANIFEST), copy, whole, overwrite=True)
    assert tree(whole) == before


def test_a_row_may_not_leave_the_root(whole: Path, copy: Path, tmp_path: Path) -> None:
    table = pq.read_table(whole / MANIFEST)
    names = ["../../etc/passwd", *table["image_id"].to_pylist()[1:]]
    pq.write_table(table.set_column(table.schema.names.index("image_id"), "image_id", pa.array(names)), tmp_path / "bad.parquet")
    with pytest.raises(InputError, match="image_id"):
        rebuilt(tmp_path / "bad.parquet", copy, tmp_path)
