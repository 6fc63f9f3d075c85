"""`occbench restore`, as users type it."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import Result
from PIL import Image, ImageDraw

from occbench.restoration import Restored, trained

Run = Callable[..., Result]
Pixels = npt.NDArray[np.uint8]
TELEA = ("--method", "telea", "--size", 64, "--landmarks", "dlib")
OCCLUDED = ("--method", "occluded", "--size", 64, "--landmarks", "dlib")


class Network:
    """Stands for a trained run: blind, tells a mask, has features."""

    name, track, signature, size = "network", "blind", "network|v1", 64
    notices = ("trained on three photographs",)
    opened: tuple[Any, ...] = ()

    @classmethod
    def open(cls, path: Path, device: str = "auto", features: bool = False) -> "Network":
        Network.opened = (path, device, features)
        return cls()

    def restore(self, occluded: Pixels, mask: Pixels | None) -> Restored:
        hole = np.zeros(occluded.shape[:3], np.uint8)
        hole[:, 36:56, 20:44] = 255
        return Restored(np.where(hole[..., None] > 0, np.uint8(90), occluded), hole, {"codes": np.ones((len(hole), 5), np.float32)})


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained, "Trained", Network)


@pytest.fixture
def masks(photos: Path, tmp_path: Path) -> Path:
    """The lower face of each of `photos`."""
    mask = np.zeros((200, 200), np.uint8)
    mask[80:120, 70:120] = 255
    for name in ("ann/1", "ann/2", "bob/1"):
        (tmp_path / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path / "masks"


def pixels(path: Path) -> Pixels:
    return np.array(Image.open(path))


def files(folder: Path) -> list[str]:
    """All but the record."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != ".occbench.jsonl")


def test_a_folder_with_masks(occbench: Run, photos: Path, masks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = occbench("restore", photos, "--out", out, *TELEA, "--masks", masks, "--save-mask", "--sheet")
    assert result.exit_code == 0, result.output
    assert "3 of 3 photographs restored by telea" in result.stdout
    wanted = ["ann/1.png", "ann/2.png", "bob/1.png"]
    assert files(out) == sorted([*wanted, *(f"masks/{name}" for name in wanted), "rejects.csv", "sheet.png"])
    before, after, mask = (pixels(path) for path in (photos / "ann/1.png", out / "ann/1.png", out / "masks/ann/1.png"))
    assert np.array_equal(mask, pixels(masks / "ann/1.png"))
    assert (after != before).any(axis=2)[mask > 0].mean() > 0.9
    assert np.array_equal(after[:60], before[:60])


def test_the_sheet_counts_photographs(occbench: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda self, place, text, *_, **__: written.append(text))
    assert occbench("restore", photos, "--out", tmp_path / "out", *OCCLUDED, "--sheet").exit_code == 0
    assert any(text.startswith("3 photographs") for text in written)
    assert not [text for text in written if "pairs" in text]


def test_the_same_again(occbench: Run, photos: Path, masks: Path, tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("a", "b")]
    for out in outs:
        assert occbench("restore", photos, "--out", out, *TELEA, "--masks", masks, "--sheet").exit_code == 0
    assert all((outs[0] / name).read_bytes() == (outs[1] / name).read_bytes() for name in files(outs[0]))


@pytest.mark.parametrize("blend", ["none", "alpha", "poisson"])
def test_blends(occbench: Run, photos: Path, tmp_path: Path, blend: str) -> None:
    out = tmp_path / "out"
    result = occbench("restore", photos / "bob" / "1.png", "--out", out, *OCCLUDED, "--blend", blend, "--save-mask")
    assert result.exit_code == 0, result.output
    assert "occluded tells no mask" in result.stderr
    assert files(out) == ["1.png", "rejects.csv"]
    assert pixels(out / "1.png").shape == ((64, 64, 3) if blend == "none" else (200, 200, 3))


@pytest.mark.usefixtures("network")
def test_a_trained_run(occbench: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = occbench(
        *("restore", photos, "--out", out, "--run", photos, "--device", "cpu", "--landmarks", "dlib"),
        *("--save-mask", "--save-features", "--sheet", "--json"),
    )
    assert result.exit_code == 0, result.output
    assert Network.opened == (photos, "cpu", True)
    assert "trained on three photographs" in result.stderr
    said = json.loads(result.stdout)
    assert [row["file"] for row in said["restored"]] == ["ann/1.png", "ann/2.png", "bob/1.png"]
    assert (said["masks"], said["features"], said["rejects"]) == (3, 3, {})
    assert np.load(out / "features" / "bob" / "1.npz")["codes"].tolist() == [1.0] * 5
    before, after, mask = (pixels(path) for path in (photos / "bob/1.png", out / "bob/1.png", out / "masks/bob/1.png"))
    assert np.array_equal(after[:30], before[:30])
    assert (after != before).any(axis=2)[mask == 255].mean() > 0.9


def test_rejects(occbench: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Image.new("RGB", (80, 80), (90, 90, 90)).save(photos / "empty wall.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    (photos / "notes.txt").write_text("no photograph, and nobody's business")
    (tmp_path / "letter.txt").write_text("no photograph, but named")
    result = occbench("restore", photos, tmp_path / "letter.txt", "--out", out, *OCCLUDED)
    assert result.exit_code == 3
    assert "3 of 6 photographs restored" in result.stdout
    with (out / "rejects.csv").open(newline="") as stream:
        rows = [(row["source"], row["image_id"], row["reason"]) for row in csv.DictReader(stream)]
    assert rows == [
        (str(photos), "broken.jpg", "undecodable"),
        (str(photos), "empty wall.png", "no-face"),
        (str(tmp_path / "letter.txt"), "letter.txt", "undecodable"),
    ]


def test_masks_that_do_not_fit(occbench: Run, photos: Path, masks: Path, tmp_path: Path) -> None:
    (masks / "ann" / "1.png").unlink()
    Image.new("L", (20, 20)).save(masks / "ann" / "2.png")
    result = occbench("restore", photos, "--out", tmp_path / "out", *TELEA, "--masks", masks)
    assert result.exit_code == 3
    assert "(bad-mask 1, no-mask 1)" in result.stderr
    assert files(tmp_path / "out") == ["bob/1.png", "rejects.csv"]


def test_names_that_collide_or_are_not_ascii(occbench: Run, portrait: Image.Image, tmp_path: Path) -> None:
    for name in ("x/a.png", "x/a.jpg", "y/a.png", "x/Zoë 顔.png", "x/masks/m.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        portrait.save(tmp_path / name)
    out = tmp_path / "out"
    result = occbench("restore", tmp_path / "x", tmp_path / "y", "--out", out, *OCCLUDED, "--sheet")
    assert result.exit_code == 0, result.output
    assert files(out) == sorted(["a.jpg.png", "a.png.png", "a.png-2.png", "Zoë 顔.png", "masks_/m.png", "rejects.csv", "sheet.png"])


def test_a_photograph_is_turned_as_its_camera_says(occbench: Run, portrait: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    portrait.crop((0, 0, 200, 180)).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "p.png", exif=exif)
    assert occbench("restore", tmp_path / "p.png", "--out", tmp_path / "out", *OCCLUDED).exit_code == 0
    assert np.array_equal(pixels(tmp_path / "out" / "p.png"), np.array(portrait)[:180])


def test_a_folder_that_is_not_empty(occbench: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    command = ("restore", photos / "bob", "--out", out, *OCCLUDED)
    result = occbench(*command)
    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    for _ in range(2):
        assert occbench(*command, "--overwrite").exit_code == 0
    assert files(out) == ["1.png", "mine.txt", "rejects.csv"]


def test_inside_the_photographs(occbench: Run, photos: Path) -> None:
    """What was made by an earlier run is no photograph of the next; and the photographs themselves are safe."""
    out = photos / "restored"
    for _ in range(2):
        result = occbench("restore", photos, "--out", out, *OCCLUDED, "--overwrite")
        assert "3 of 3" in result.stdout
    result = occbench("restore", photos, "--out", photos, *OCCLUDED, "--overwrite")
    assert result.exit_code == 2
    assert "holds the photographs themselves" in result.stderr
    result = occbench("restore", photos / "bob" / "1.png", "--out", photos / "bob", *OCCLUDED, "--overwrite")
    assert result.exit_code == 2
    assert "would be replaced" in result.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "No model is bundled with this version of occbench yet: name a trained one with --run"),
        (("--method", "telea", "--run", "."), "Name either --run or --method"),
        (("--method", "telea"), "name the folder with a mask for each photograph"),
        (("--method", "telia"), "Did you mean 'telea'?"),
        (("--method", "mean-face", "--masks", "."), "learns from a data set first"),
        (("--method", "occluded", "--save-features"), "are for --run"),
        (("--method", "occluded", "--device", "cpu"), "are for --run"),
        (("--run", ".", "--size", "64"), "--size is for --method"),
        (("--method", "occluded", "--landmarks", "yuunet"), "Did you mean 'yunet'?"),
        (("--method", "occluded", "--landmarks", "canonical"), "canonical"),
        (("--run", "."), "no trained run there"),
        (("--method", "occluded", "--resume", "--overwrite"), "choose one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage(occbench: Run, photos: Path, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    result = occbench("restore", photos, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_was_restored_are_photographs_again(occbench: Run, photos: Path, tmp_path: Path) -> None:
    assert occbench("restore", photos, "--out", tmp_path / "once", *OCCLUDED).exit_code == 0
    again = occbench("restore", tmp_path / "once", "--out", tmp_path / "twice", *OCCLUDED)
    assert "3 of 3 photographs" in again.stdout


def test_no_photographs(occbench: Run, tmp_path: Path) -> None:
    for given in (tmp_path, tmp_path / "missing"):
        result = occbench("restore", given, "--out", tmp_path / "out", *OCCLUDED)
        assert result.exit_code == 2


def test_without_yunet(occbench: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """dlib looks instead, and whoever misses faces is told of YuNet."""
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    Image.new("RGB", (80, 80)).save(photos / "dark.png")
    result = occbench("restore", photos, "--out", tmp_path / "out", "--method", "occluded")
    assert result.exit_code == 3
    assert "3 of 4" in result.stdout
    assert "dlib misses many masked faces" in result.stderr


def test_help_stays_light() -> None:
    code = (
        "import sys\n"
        "from occbench.cli import main\n"
        "main(['restore', '--help'], standalone_mode=False)\n"
        "print(*(m for m in ('torch', 'dlib', 'matplotlib', 'skimage', 'pandas', 'cv2') if m in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.split() == []


def test_interrupted(occbench: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("occbench.restoration.job.apply", interrupt)
    result = occbench("restore", photos, "--out", tmp_path / "out", *OCCLUDED)
    assert result.exit_code == 130
    assert "with --resume" in result.stderr
