"""A tiny fake CelebA in its real layouts: noise, made-up annotations. `python tests/data/celeba.py FOLDER` writes one.

Oddities of real copies are in it: runs of spaces, spaces at line ends, CRLF, a byte order mark, no line feed at the end of a file.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

COUNT = 24
NUMBERS = range(1, COUNT + 1)
SPLITS = dict.fromkeys(NUMBERS, 0) | dict.fromkeys(range(15, 20), 1) | dict.fromkeys(range(20, 25), 2)
PEOPLE = {number: 1000 + (number + 1) // 2 if number < 15 else 2000 + (number % 3) + 10 * SPLITS[number] for number in NUMBERS}
# fmt: off
ATTRIBUTES = [
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
    "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses", "Goatee",
    "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes", "No_Beard",
    "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling", "Straight_Hair",
    "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace", "Wearing_Necktie", "Young",
]
# fmt: on
POINTS = [f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"]
FIVE = (69, 111, 108, 111, 88, 136, 72, 152, 105, 152)  # the average aligned face
BOX = ("x_1", "y_1", "width", "height")


def attributes(number: int) -> list[int]:
    """40 values of -1 and 1."""
    return [1 if (number >> (k % 5)) & 1 else -1 for k in range(len(ATTRIBUTES))]


def points(number: int) -> list[int]:
    """Five points, x and y in turn."""
    return [value + (number * (k + 3)) % 5 - 2 for k, value in enumerate(FIVE)]


def photographs(folder: Path, suffix: str = "jpg", size: tuple[int, int] = (178, 218)) -> Path:
    """`000001.jpg` and so on."""
    rng = np.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    for number in NUMBERS:
        pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:06d}.{suffix}")
    return folder


def partition(folder: Path) -> None:
    """No line feed at the end, as in the official file."""
    _write(folder / "list_eval_partition.txt", "\n".join(f"{number:06d}.jpg {split}" for number, split in SPLITS.items()))


def identities(folder: Path) -> None:
    """With CRLF."""
    _write(folder / "identity_CelebA.txt", "".join(f"{number:06d}.jpg {person}\r\n" for number, person in PEOPLE.items()))


def tables(folder: Path) -> None:
    """Attributes and landmarks of the aligned photographs, boxes of those in the wild: count, names, rows behind runs of spaces."""
    _table(folder / "list_attr_celeba.txt", " ".join(ATTRIBUTES) + " ", {n: attributes(n) for n in NUMBERS})
    _table(folder / "list_landmarks_align_celeba.txt", " ".join(POINTS), {n: points(n) for n in NUMBERS})
    _table(folder / "list_bbox_celeba.txt", f"image_id {' '.join(BOX)}", {n: [95, 71, 226, 313] for n in NUMBERS})


def wild(folder: Path) -> None:
    """Landmarks of the photographs in the wild: three times as large, and elsewhere."""
    _table(folder / "list_landmarks_celeba.txt", " ".join(POINTS), {n: [100 + 3 * value for value in points(n)] for n in NUMBERS})


def kaggle(root: Path) -> Path:
    """The copy on Kaggle: a nested folder, CSV files with a header, no identities. Returns the image folder."""
    csv = {
        "list_eval_partition.csv": (["partition"], {n: [split] for n, split in SPLITS.items()}),
        "list_attr_celeba.csv": (ATTRIBUTES, {n: attributes(n) for n in NUMBERS}),
        "list_landmarks_align_celeba.csv": (POINTS, {n: points(n) for n in NUMBERS}),
        "list_bbox_celeba.csv": (BOX, {n: [95, 71, 226, 313] for n in NUMBERS}),
    }
    folder = photographs(root / "img_align_celeba" / "img_align_celeba")
    for name, (columns, rows) in csv.items():
        lines = [",".join(["image_id", *columns]), *(",".join([f"{n:06d}.jpg", *map(str, row)]) for n, row in rows.items())]
        _write(root / name, "\ufeff" + "".join(f"{line}\n" for line in lines))
    return folder


def flat(root: Path) -> Path:
    """As torchvision wants it; returns the image folder."""
    folder = photographs(root / "celeba" / "img_align_celeba")
    for write in (partition, identities, tables):
        write(root / "celeba")
    return folder


def build(root: Path, folder: str = "img_align_celeba", suffix: str = "jpg") -> Path:
    """The official tree under `root`; returns the image folder."""
    for name in ("Anno", "Eval"):
        (root / name).mkdir(parents=True)
    partition(root / "Eval")
    identities(root / "Anno")
    tables(root / "Anno")
    wild(root / "Anno")
    return photographs(root / "Img" / folder, suffix)


def _table(path: Path, names: str, rows: dict[int, list[int]]) -> None:
    lines = [str(len(rows)), names, *(f"{n:06d}.jpg  {'  '.join(f'{value:2d}' for value in row)} " for n, row in rows.items())]
    _write(path, "".join(f"{line}\n" for line in lines))


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


if __name__ == "__main__":
    build(Path(sys.argv[1]))
