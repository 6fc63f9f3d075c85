"""`occbench detect-mask`, as users type it."""

import csv
import json
import os
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

from occbench.restoration import Restored, detection, trained

Run = Callable[..., Result]
Pixels = npt.NDArray[np.uint8]
DLIB = ("--landmarks", "dlib")


class Network:
    """Stands for a trained run: blind, and it tells `level` in the lower middle of every crop."""

    name, track, signature, size = "network", "blind", "network|v1", 64
    notices = ()
    level: ClassVar[int] = 255
    tells: ClassVar[bool] = True
    looked: ClassVar[int] = 0
    patience: ClassVar[int] = 1000  # photographs, before somebody presses Ctrl-C

    @classmethod
    def open(cls, path: Path, device: str = "auto", features: bool = False) -> "Network":
        return cls()

    def restore(self, occluded: Pixels, mask: Pixels | None) -> Restored:
        if Network.looked + len(occluded) > Network.patience:
            raise KeyboardInterrupt
        Network.looked += len(occluded)
        hole = np.zeros(occluded.shape[:3], np.uint8)
        hole[:, 36:56, 20:44] = Network.level
        return Restored(occluded.copy(), hole if Network.tells else None)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> type[Network]:
    monkeypatch.setattr(trained, "Trained", Network)
    monkeypatch.setattr(Network, "level", 255)
    monkeypatch.setattr(Network, "tells", True)
    monkeypatch.setattr(Network, "looked", 0)
    monkeypatch.setattr(Network, "patience", 1000)
    return Network


def found(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_a_hidden_face_has_a_probability_a_box_and_a_mask(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "found"
    document = found(occbench("detect-mask", photos, "--run", tmp_path, *DLIB, "--out", out, "--sheet", "--json"))
    assert document["photographs"] == document["hidden"] == 3
    row = document["detections"][0]
    assert row["image_id"] == "ann/1.png"
    assert row["probability"] > 0.95
    mask = np.array(Image.open(out / "masks" / "ann" / "1.png"))
    assert mask.shape == (200, 200)
    rows, columns = np.nonzero(mask >= 128)
    assert [row["left"], row["top"], row["right"], row["bottom"]] == [
        columns.min(),
        rows.min(),
        columns.max() + 1,
        rows.max() + 1,
    ]
    assert (out / "sheet.png").exists()
    with (out / "detections.csv").open(newline="") as file:
        assert [(r["image_id"], r["hidden"], r["face"]) for r in csv.DictReader(file)] == [
            (name, "True", "True") for name in ("ann/1.png", "ann/2.png", "bob/1.png")
        ]


def test_a_free_face_has_no_box(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    network.level = 0
    document = found(occbench("detect-mask", photos / "bob", "--run", tmp_path, *DLIB, "--json"))
    assert document["hidden"] == 0
    assert document["detections"][0]["probability"] == 0
    assert document["detections"][0]["left"] is None


def test_without_a_face_the_whole_photograph_is_looked_at(occbench: Run, network: Any, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.full((60, 120, 3), 120, np.uint8)).save(tmp_path / "photos" / "wall.png")
    document = found(occbench("detect-mask", tmp_path / "photos", "--run", tmp_path, *DLIB, "--json"))
    row = document["detections"][0]
    assert row["face"] is False
    # 64 px for 120: the mask's columns 20 to 44, of rows 36 to 56 those that the photograph has (16 to 48 of the crop).
    assert [row[side] for side in ("left", "top", "right", "bottom")] == pytest.approx([37.5, 37.5, 82.5, 60], abs=1.5)


def test_without_yunet_it_says_what_dlib_misses(
    occbench: Run, network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("OCCBENCH_WEIGHTS", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    Image.fromarray(np.full((60, 60, 3), 120, np.uint8)).save(tmp_path / "wall.png")
    result = occbench("detect-mask", tmp_path / "wall.png", "--run", tmp_path)
    assert result.exit_code == 0
    assert "dlib misses many masked faces" in result.stderr


def test_lines_say_what_was_found(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    result = occbench("detect-mask", photos / "bob", "--run", tmp_path, *DLIB)
    assert "1.png: hidden 0.98" in result.stdout
    assert "1 of 1 photographs show a hidden face." in result.stdout


@pytest.mark.parametrize("narrow", [False, True])
def test_unusable_photographs_are_rejects(occbench: Run, network: Any, photos: Path, tmp_path: Path, narrow: bool) -> None:
    (photos / "bob" / "2.png").write_bytes(b"no picture")
    if narrow:
        Image.fromarray(np.zeros((2, 400, 3), np.uint8)).save(photos / "bob" / "2.png")
    result = occbench("detect-mask", photos / "bob", "--run", tmp_path, *DLIB, "--out", tmp_path / "found")
    assert result.exit_code == 3
    assert "2.png" in result.stderr
    assert "2.png" in (tmp_path / "found" / "rejects.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--run"),
        (("--run", ".", "--sheet"), "--out"),
        (("--run", ".", "--resume"), "--out"),
        (("--run", ".", "--threshold", "2"), "threshold"),
        (("--run", ".", "--landmarks", "nobody"), "nobody"),
        (("--run", ".", "--out", "ann"), "not empty"),
    ],
    ids=str,
)
def test_wrong_usage(
    occbench: Run, network: Any, photos: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(photos)
    result = occbench("detect-mask", "bob", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_run_that_tells_no_masks_is_refused(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    network.tells = False
    result = occbench("detect-mask", photos, "--run", tmp_path, *DLIB)
    assert result.exit_code == 2
    assert "two-stage" in result.stderr


def test_a_run_that_is_told_the_mask_is_refused(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    network.track = "given-mask"
    try:
        result = occbench("detect-mask", photos, "--run", tmp_path, *DLIB)
    finally:
        network.track = "blind"
    assert result.exit_code == 2
    assert "told where the mask is" in result.stderr


@pytest.mark.parametrize(("share", "value", "expected"), [(0.05, 255, 1 / 1.02), (0.0, 0, 0.0), (1.0, 5, 0.495)])
def test_probabilities_weigh_the_most_suspicious_pixels(share: float, value: int, expected: float) -> None:
    mask = np.zeros(10_000, np.uint8)
    mask[: int(share * mask.size)] = value
    assert detection.probability(mask.reshape(100, 100)) == pytest.approx(expected, abs=1e-3)


# Interrupted, and resumed.

RECORD = Path(".occbench", "photographs.jsonl")


@pytest.mark.parametrize("sheet", [(), ("--sheet",)], ids=["files", "sheet"])
def test_an_interrupted_run_goes_on(
    occbench: Run, network: Any, many: Path, tmp_path: Path, tree: Callable[[Path], dict[str, str]], sheet: tuple[str, ...]
) -> None:
    command = ("detect-mask", many, "--run", tmp_path, *DLIB, "--json", *sheet)
    whole = occbench(*command, "--out", tmp_path / "whole")
    network.looked, network.patience = 0, 8
    interrupted = occbench(*command, "--out", tmp_path / "out")
    assert interrupted.exit_code == 130
    assert "--resume" in interrupted.stderr
    network.looked, network.patience = 0, 1000
    again = occbench(*command, "--out", tmp_path / "out", "--resume")
    assert (again.exit_code, again.stdout) == (3, whole.stdout)
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
    assert network.looked == (16 if sheet else 8)  # what the sheet shows is looked at again


def test_without_a_folder_nothing_is_said_to_be_kept(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    network.patience = 0
    result = occbench("detect-mask", photos, "--run", tmp_path, *DLIB)
    assert result.exit_code == 130
    assert "--resume" not in result.stderr


def test_a_finished_run_is_left_as_it_is(
    occbench: Run, network: Any, photos: Path, tmp_path: Path, tree: Callable[[Path], dict[str, str]]
) -> None:
    command = ("detect-mask", photos, "--run", tmp_path, *DLIB, "--out", tmp_path / "out", "--resume")
    assert occbench(*command).exit_code == 0
    before = tree(tmp_path / "out")
    network.patience = 3
    assert occbench(*command).exit_code == 0
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("torn", [b'{"name": "bob/1", "prob', b"\xff\n", b"{}\n", b'{"name": "bob/1"}\n'], ids=repr)
def test_a_line_that_was_cut_off_is_written_again(
    occbench: Run, network: Any, photos: Path, tmp_path: Path, tree: Callable[[Path], dict[str, str]], torn: bytes
) -> None:
    command = ("detect-mask", photos, "--run", tmp_path, *DLIB, "--out", tmp_path / "out")
    assert occbench(*command).exit_code == 0
    before, record = tree(tmp_path / "out"), tmp_path / "out" / RECORD
    record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[:-1]) + torn)
    assert occbench(*command, "--resume").exit_code == 0
    assert tree(tmp_path / "out") == before


def test_a_mask_that_is_gone_is_made_again(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    command = ("detect-mask", photos, "--run", tmp_path, *DLIB, "--out", tmp_path / "out")
    assert occbench(*command).exit_code == 0
    (tmp_path / "out" / "masks" / "bob" / "1.png").unlink()
    assert occbench(*command, "--resume").exit_code == 0
    assert (tmp_path / "out" / "masks" / "bob" / "1.png").exists()


def test_another_run_is_not_gone_on_with(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    command = ("detect-mask", "--run", tmp_path, *DLIB, "--out", tmp_path / "out")
    assert occbench(*command, photos).exit_code == 0
    for more, said in (((photos, "--threshold", "0.7"), "threshold: 0.5 -> 0.7"), ((photos / "bob",), "photographs: ")):
        result = occbench(*command, *more, "--resume")
        assert result.exit_code == 2
        assert said in result.stderr


@pytest.mark.parametrize("how", ["content", "time"])
def test_photographs_that_changed_are_not_gone_on_with(occbench: Run, network: Any, photos: Path, tmp_path: Path, how: str) -> None:
    command = ("detect-mask", photos, "--run", tmp_path, *DLIB, "--out", tmp_path / "out")
    assert occbench(*command).exit_code == 0
    one = photos / "bob" / "1.png"
    status = one.stat()
    if how == "content":
        one.write_bytes(one.read_bytes() + b"more")
    os.utime(one, ns=(status.st_atime_ns, status.st_mtime_ns + (10**9 if how == "time" else 0)))
    result = occbench(*command, "--resume")
    assert result.exit_code == 2
    assert "photographs: 3 (names, sizes, times " in result.stderr


def test_a_folder_of_something_else_is_not_gone_on_with(occbench: Run, network: Any, photos: Path, tmp_path: Path) -> None:
    result = occbench("detect-mask", photos / "bob", "--run", tmp_path, *DLIB, "--out", photos / "ann", "--resume")
    assert result.exit_code == 2
    assert "no run of detect-mask" in result.stderr


def test_a_killed_run_goes_on(many: Path, tmp_path: Path, tree: Callable[[Path], dict[str, str]]) -> None:
    """SIGKILL loses what was being looked at, and nothing else."""
    from occbench.training import checkpoints
    from occbench.training.recipe import resolve
    from occbench.training.train import build

    recipe = resolve("two-stage", changes=["size=64", "base=2"])
    checkpoints.save(tmp_path / checkpoints.LAST, recipe, {"step": 1, "labels": 0}, build(recipe, 0, 1).networks)
    command = [
        sys.executable,
        "-m",
        "occbench",
        "detect-mask",
        str(many),
        "--run",
        str(tmp_path),
        *DLIB,
        "--device",
        "cpu",
        "--out",
    ]
    process = subprocess.Popen([*command, str(tmp_path / "out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = tmp_path / "out" / RECORD
    while process.poll() is None and (not record.exists() or record.read_bytes().count(b"\n") < 4):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert subprocess.run([*command, str(tmp_path / "out"), "--resume"], capture_output=True).returncode == 3
    assert subprocess.run([*command, str(tmp_path / "whole")], capture_output=True).returncode == 3
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")
