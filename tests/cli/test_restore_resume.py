"""`occbench restore`, interrupted and resumed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import Result
from PIL import Image

from occbench.landmarks.locate import Locator
from occbench.restoration import Restored, trained

Run = Callable[..., Result]
Tree = Callable[[Path], dict[str, str]]
Pixels = npt.NDArray[np.uint8]
RECORD = ".occbench.jsonl"
DLIB = ("--landmarks", "dlib")
ALL = ("--save-mask", "--save-features")


class Network:
    """Stands for a trained run: blind, tells a mask, has features."""

    name, track, size = "network", "blind", 64
    notices = ()
    signature: ClassVar[str] = "network|v1"
    restored: ClassVar[int] = 0
    patience: ClassVar[int] = 1000  # photographs, before somebody presses Ctrl-C

    @classmethod
    def open(cls, path: Path, device: str = "auto", features: bool = False) -> "Network":
        return cls()

    def restore(self, occluded: Pixels, mask: Pixels | None) -> Restored:
        if Network.restored + len(occluded) > Network.patience:
            raise KeyboardInterrupt
        Network.restored += len(occluded)
        hole = np.zeros(occluded.shape[:3], np.uint8)
        hole[:, 36:56, 20:44] = 255
        means = occluded.reshape(len(occluded), -1, 3).mean(axis=1).astype(np.float32)
        return Restored(np.where(hole[..., None] > 0, np.uint8(90), occluded), hole, {"means": means})


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> type[Network]:
    monkeypatch.setattr(trained, "Trained", Network)
    for name in ("signature", "restored", "patience"):
        monkeypatch.setattr(Network, name, getattr(Network, name))
    return Network


def document(result: Result) -> dict[str, Any]:
    """Of `--json`, but for the folder's name."""
    said: dict[str, Any] = json.loads(result.stdout)
    return said | {"out": ""}


@pytest.mark.parametrize("sheet", [(), ("--sheet",)], ids=["files", "sheet"])
def test_an_interrupted_run_goes_on(
    occbench: Run, network: Any, many: Path, tmp_path: Path, tree: Tree, sheet: tuple[str, ...]
) -> None:
    command = ("restore", many, "--run", tmp_path, *DLIB, *ALL, "--json", *sheet)
    whole = occbench(*command, "--out", tmp_path / "whole")
    network.restored, network.patience = 0, 8
    interrupted = occbench(*command, "--out", tmp_path / "out")
    assert interrupted.exit_code == 130
    assert "with --resume" in interrupted.stderr
    network.restored, network.patience = 0, 1000
    again = occbench(*command, "--out", tmp_path / "out", "--resume")
    assert again.exit_code == 3
    assert document(again) == document(whole)
    assert again.stdout.count("\n") == whole.stdout.count("\n")
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert network.restored == (16 if sheet else 8)  # what the sheet shows is restored again


def test_rejects_are_listed_when_a_run_is_interrupted(occbench: Run, network: Any, many: Path, tmp_path: Path) -> None:
    network.patience = 8
    assert occbench("restore", many, "--run", tmp_path, *DLIB, "--out", tmp_path / "out").exit_code == 130
    assert "more 03.png" in (tmp_path / "out" / "rejects.csv").read_text()


def test_a_finished_run_is_left_as_it_is(occbench: Run, network: Any, many: Path, tmp_path: Path, tree: Tree) -> None:
    command = ("restore", many, "--run", tmp_path, *DLIB, *ALL, "--json", "--out", tmp_path / "out", "--resume")
    first = occbench(*command)
    before = tree(tmp_path / "out")
    network.restored = 0
    assert occbench(*command).stdout == first.stdout
    assert network.restored == 0
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("torn", [b'{"name": "bob/1", "answ', b"\xff\n", b"{}\n", b'{"name": "bob/1"}\n'], ids=repr)
def test_a_line_that_was_cut_off_is_written_again(
    occbench: Run, network: Any, many: Path, tmp_path: Path, tree: Tree, torn: bytes
) -> None:
    command = ("restore", many, "--run", tmp_path, *DLIB, "--out", tmp_path / "out")
    assert occbench(*command).exit_code == 3
    before, record = tree(tmp_path / "out"), tmp_path / "out" / RECORD
    record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[:-6]) + torn)
    assert occbench(*command, "--resume").exit_code == 3
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("gone", ["bob/1.png", "masks/ann/1.png", "features/ann/more 05.npz"])
@pytest.mark.parametrize("finished", [False, True], ids=["interrupted", "finished"])
def test_a_file_that_is_gone_is_made_again(
    occbench: Run, network: Any, many: Path, tmp_path: Path, tree: Tree, gone: str, finished: bool
) -> None:
    command = ("restore", many, "--run", tmp_path, *DLIB, *ALL)
    assert occbench(*command, "--out", tmp_path / "whole").exit_code == 3
    network.restored, network.patience = 0, 1000 if finished else 8
    occbench(*command, "--out", tmp_path / "out")
    (tmp_path / "out" / gone).unlink(missing_ok=True)
    network.restored, network.patience = 0, 1000
    assert occbench(*command, "--out", tmp_path / "out", "--resume").exit_code == 3
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_what_a_killed_run_left_half_written_goes(occbench: Run, network: Any, photos: Path, tmp_path: Path, tree: Tree) -> None:
    command = ("restore", photos, "--run", tmp_path, *DLIB, *ALL, "--out", tmp_path / "out")
    assert occbench(*command).exit_code == 0
    before = tree(tmp_path / "out")
    for name in (".sheet.png.77000001.tmp", "masks/ann/.1.png.123456.tmp", "features/bob/.1.npz.41123456.tmp"):
        (tmp_path / "out" / name).write_bytes(b"half")
    (tmp_path / "out" / ".mine.tmp").write_bytes(b"keep")
    assert occbench(*command, "--resume").exit_code == 0
    assert tree(tmp_path / "out").keys() - before.keys() == {".mine.tmp", "masks/ann/.1.png.123456.tmp"}


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--blend", "alpha"), "blend: poisson -> alpha"),
        (("--save-mask",), "save_mask: False -> True"),
        (("--save-features",), "save_features: False -> True"),
        (("--masks", "."), "masks: None -> 3 (names, sizes, times "),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_another_run_is_not_gone_on_with(
    occbench: Run, photos: Path, tmp_path: Path, tree: Tree, more: tuple[str, ...], said: str
) -> None:
    command = ("restore", photos, "--run", tmp_path, *DLIB, "--out", tmp_path / "out")
    assert occbench(*command).exit_code == 0
    before = tree(tmp_path / "out")
    result = occbench(*command, *more, "--resume")
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count(" -> ") == 1
    assert tree(tmp_path / "out") == before


def test_another_method_size_or_detector_is_not_gone_on_with(
    occbench: Run, network: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("restore", photos, *DLIB, "--out", tmp_path / "out")
    assert occbench(*command, "--run", tmp_path).exit_code == 0
    network.signature = "network|other|v1"
    assert "method: network|v1 -> network|other|v1." in occbench(*command, "--run", tmp_path, "--resume").stderr
    result = occbench(*command, "--method", "occluded", "--resume")
    assert result.exit_code == 2
    assert "size: 64 -> 128" in result.stderr
    monkeypatch.setattr(Locator, "signatures", ("other|v1",))
    result = occbench(*command, "--run", tmp_path, "--resume")
    assert result.exit_code == 2
    assert "-> ['other|v1']" in result.stderr


@pytest.mark.usefixtures("network")
@pytest.mark.parametrize("what", ["photographs", "masks"])
@pytest.mark.parametrize("how", ["content", "time", "gone"])
def test_files_that_changed_are_not_gone_on_with(occbench: Run, photos: Path, tmp_path: Path, what: str, how: str) -> None:
    masks = tmp_path / "masks"
    for path in photos.rglob("*.png"):
        (masks / path.relative_to(photos)).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (200, 200), 255).save(masks / path.relative_to(photos))
    command = ("restore", photos, "--run", tmp_path, *DLIB, "--masks", masks, "--out", tmp_path / "out")
    assert occbench(*command).exit_code == 0
    one = (photos if what == "photographs" else masks) / "bob" / "1.png"
    status = one.stat()
    if how == "content":
        one.write_bytes(one.read_bytes() + b"more")
    os.utime(one, ns=(status.st_atime_ns, status.st_mtime_ns + (10**9 if how == "time" else 0)))
    if how == "gone":
        one.unlink()
    result = occbench(*command, "--resume")
    assert result.exit_code == 2
    assert f" {what}: 3 (names, sizes, times " in result.stderr


@pytest.mark.usefixtures("network")
def test_a_folder_of_something_else_is_not_gone_on_with(occbench: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ("restore", photos, "--run", tmp_path, *DLIB, "--out", out)
    assert occbench("detect-mask", photos, "--run", tmp_path, *DLIB, "--out", out).exit_code == 0
    result = occbench(*command, "--resume")
    assert result.exit_code == 2
    assert "is not empty, and holds no run of restore" in result.stderr
    assert occbench(*command, "--overwrite").exit_code == 0
    result = occbench(*command)
    assert result.exit_code == 2
    assert "is not empty: go on with --resume" in result.stderr


def test_overwriting_begins_again_and_goes_on(occbench: Run, network: Any, many: Path, tmp_path: Path, tree: Tree) -> None:
    """Files of the run before are no files of this one, though they have their names."""
    command = ("restore", many, "--run", tmp_path, *DLIB)
    assert occbench(*command, "--blend", "alpha", "--out", tmp_path / "out").exit_code == 3
    (tmp_path / "out" / "mine.txt").write_text("keep")
    network.restored, network.patience = 0, 8
    assert occbench(*command, "--out", tmp_path / "out", "--overwrite").exit_code == 130
    network.restored, network.patience = 0, 1000
    assert occbench(*command, "--out", tmp_path / "out", "--resume").exit_code == 3
    assert network.restored == 8
    assert occbench(*command, "--out", tmp_path / "whole").exit_code == 3
    assert (tmp_path / "out" / "mine.txt").read_text() == "keep"
    (tmp_path / "out" / "mine.txt").unlink()
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_killed_run_goes_on(many: Path, tmp_path: Path, tree: Tree) -> None:
    """SIGKILL, whenever it comes, loses what was being done, and nothing else."""
    options = ("--method", "occluded", "--size", "64", *DLIB, "--sheet", "--resume", "--out")
    command = [sys.executable, "-m", "occbench", "restore", str(many), *options]
    record = tmp_path / "out" / RECORD
    for delay in (0.1, 0.6):
        process = subprocess.Popen([*command, str(tmp_path / "out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not record.exists():
            time.sleep(0.005)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = [tmp_path / "out" / name for name in re.findall(r'"([^"]+\.png)"', record.read_text().rpartition("\n")[0])]
    before = [path.stat().st_mtime_ns for path in done]
    assert subprocess.run([*command, str(tmp_path / "out")], capture_output=True).returncode == 3
    assert [path.stat().st_mtime_ns for path in done] == before
    assert subprocess.run([*command, str(tmp_path / "whole")], capture_output=True).returncode == 3
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
