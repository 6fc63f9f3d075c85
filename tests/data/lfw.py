"""A tiny fake LFW in its real layouts: made-up people, noise for photographs. `python tests/data/lfw.py FOLDER` writes one."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

TRAIN = {f"Train_{n:02d}": 1 + n % 3 for n in range(20)}
TEST = {f"Test_{n:02d}": 1 + n % 2 for n in range(8)}
DARK = ("Train_04/Train_04_0002", "Test_01/Test_01_0001")


def photographs(folder: Path) -> None:
    """One folder a person, as in `lfw-deepfunneled`."""
    rng = np.random.default_rng(7)
    for person, count in {**TRAIN, **TEST}.items():
        (folder / person).mkdir(parents=True)
        for number in range(1, count + 1):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / person / f"{person}_{number:04d}.jpg")


def lists(folder: Path) -> None:
    """The official lists, tab-separated, and the one of dark glasses."""
    for name, people in (("peopleDevTrain.txt", TRAIN), ("peopleDevTest.txt", TEST)):
        (folder / name).write_text(f"{len(people)}\n" + "".join(f"{person}\t{count}\n" for person, count in people.items()))
    (folder / "sunglasses_natural.txt").write_text("".join(f"{image_id}.jpg\n" for image_id in DARK))


def kaggle_lists(folder: Path) -> None:
    """The same as the copy on Kaggle has them."""
    for name, people in (("peopleDevTrain.csv", TRAIN), ("peopleDevTest.csv", TEST)):
        (folder / name).write_text("name,images\n" + "".join(f"{person},{count}\n" for person, count in people.items()))


def build(root: Path, variant: str = "lfw-deepfunneled") -> Path:
    """The official layout under `root`; returns the image folder."""
    photographs(root / variant)
    lists(root)
    return root / variant


if __name__ == "__main__":
    build(Path(sys.argv[1]))
