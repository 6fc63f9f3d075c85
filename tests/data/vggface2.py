"""A tiny fake VGGFace2 in its real layouts: made-up people, noise. `python tests/data/vggface2.py FOLDER` writes one.

Oddities of the real files are there: spaces behind commas, quoted names with commas, trailing commas, CRLF, points outside a crop.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

TRAIN = {f"n{number:06d}": 2 + number % 3 for number in range(2, 42, 2)}
TEST = {"n000001": 30, "n000009": 30, "n000029": 4}
PEOPLE = {**TRAIN, **TEST}
POSED = ("n000001", "n000009")
POSES = ("front", "three-quarter", "profile")
PERSON_WITHOUT_ROWS = "n000004"


def names(person: str) -> list[str]:
    """Of the photographs of a person, in order: `0001_01`, ..., two faces of every third photograph."""
    return [f"{1 + number:04d}_{1 + (number % 3 == 2):02d}" for number in range(PEOPLE[person])]


def points(person: str, name: str) -> list[float]:
    """Five points in a crop of 120×150, x and y in turn; those of the first photograph of each person reach out of it."""
    shift = int(person[1:]) % 7 + int(name[:4]) % 5
    left = -12.5 if name.startswith("0001") else 40.25
    return [left, 60.5 + shift, 80.125, 61.0 + shift, 60.0, 80.0 + shift, 45.0, 100.0 + shift, 75.0, 101.0 + shift]


def box(person: str, name: str) -> list[int]:
    """X, Y, W, H."""
    return [25 + int(person[1:]) % 3, 30 + int(name[:4]) % 4, 70, 90]


def photographs(folder: Path, people: dict[str, int]) -> Path:
    """One folder a person."""
    rng = np.random.default_rng(7)
    for person in people:
        (folder / person).mkdir(parents=True)
        for name in names(person):
            pixels = rng.integers(0, 256, (15, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / person / f"{name}.jpg")
    return folder


def identities(folder: Path) -> None:
    """`identity_meta.csv`."""
    lines = ["Class_ID, Name, Sample_Num, Flag, Gender"]
    for number, (person, count) in enumerate(sorted(PEOPLE.items())):
        name = '"O, Someone"' if number == 3 else f'"Person_{number}"'
        lines.append(f"{person}, {name},{count},{int(person in TRAIN)}, {'mf'[number % 2]}{',' if number % 4 == 0 else ''}   ")
    (folder / "identity_meta.csv").write_bytes("".join(f"{line}\r\n" for line in lines).encode())


def lists(folder: Path) -> None:
    """`train_list.txt` and `test_list.txt`."""
    for part, people in (("train", TRAIN), ("test", TEST)):
        rows = (f"{person}/{name}.jpg" for person in sorted(people) for name in names(person))
        (folder / f"{part}_list.txt").write_text("".join(f"{row}\n" for row in rows))


def templates(folder: Path) -> None:
    """Pose templates, and age templates of other sizes."""
    pose = [f"{person}/{name}.jpg" for person in POSED for name in names(person)]
    age = [f"{person}/{name}.jpg" for person in POSED for name in names(person)[:20]]
    for name, rows in (("pose", pose), ("age", age)):
        (folder / f"test_{name}temp_imglist.txt").write_text("".join(f"{row}\n" for row in rows))


def annotations(folder: Path) -> None:
    """Landmarks and boxes of both sets."""
    columns = {"landmark": [f"P{k}{axis}" for k in range(1, 6) for axis in "XY"], "bb": list("XYWH")}
    for kind, row in (("landmark", points), ("bb", box)):
        for part, people in (("train", TRAIN), ("test", TEST)):
            lines = [",".join(["NAME_ID", *columns[kind]])]
            for person in sorted(people):
                if person != PERSON_WITHOUT_ROWS:
                    lines += [f'"{person}/{name}",{",".join(map(str, row(person, name)))}' for name in names(person)]
            (folder / f"loose_{kind}_{part}.csv").write_text("".join(f"{line}\n" for line in lines))


def build(root: Path, train: str = "train", test: str = "test") -> Path:
    """The official tree under `root`, with other names for the two image folders if wanted; returns `root`."""
    photographs(root / train, TRAIN)
    photographs(root / test, TEST)
    (root / "meta").mkdir()
    (root / "bb_landmark").mkdir()
    identities(root / "meta")
    lists(root / "meta")
    templates(root / "meta")
    annotations(root / "bb_landmark")
    return root


if __name__ == "__main__":
    build(Path(sys.argv[1]))
