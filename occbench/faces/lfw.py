"""Labeled Faces in the Wild (Huang, Ramesh, Berg and Learned-Miller 2007): original, funneled or deep-funneled.

Image ids are the official ones, `Aaron_Peirsol/Aaron_Peirsol_0001`. Train and test are the development sets of View 1
(`peopleDevTrain`, `peopleDevTest`), which share no person; a tenth of the people of the first, by hash, is the validation part.
"""

import csv
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from occbench.errors import InputError
from occbench.faces import Face
from occbench.faces.files import children, existing_folder, is_link_to_folder, locate
from occbench.manifest.splits import assert_disjoint, cut_validation

# dlib's mean box over the 13,194 deep-funneled photographs in which it finds the subject, as fractions of the frame. The funneled
# ones are the same crops, turned upright: the part that scikit-learn's loader cuts out of them as the face has the same middle,
# (0.50, 0.53). In the original ones faces are not upright, and nobody has measured them.
_MEAN_BOX = (0.2857, 0.3205, 0.7047, 0.7398)

_LISTS = {
    "train": ("peopleDevTrain.txt", "peopleDevTrain.csv", "peopleDevTraining.txt"),
    "test": ("peopleDevTest.txt", "peopleDevTest.csv"),
}
_SUNGLASSES = "sunglasses_natural.txt"
_IMAGE_ID = re.compile(r"([^/]+)/\1_[0-9]{4}")


class LFW:
    """`--source lfw`.

    Args:
        root: the folder that holds one folder a person, or one above it (also the nested one of the copy on Kaggle). The official
            lists may lie in the image folder or in the two folders above it.

    Raises:
        UsageError, InputError: no root, no LFW below it, or more than one.
    """

    name = "lfw"
    centred = True
    supplies = False
    licence = (
        "Labeled Faces in the Wild is published for research; its photographs come from news sites and belong to their owners. "
        "Do not redistribute photographs, crops or pairs."
    )

    def __init__(self, root: Path | None) -> None:
        self.root = _image_folder(existing_folder(root, self.name))
        self.mean_box = _MEAN_BOX if "funneled" in self.root.resolve().name.lower() else None

    def faces(self) -> Iterator[Face]:
        """See `Source.faces`. Only `NAME/NAME_0001.jpg` and its like count; anything else in the folder is ignored.

        Raises:
            InputError: the official lists are missing, incomplete or contradict each other, or do not know a person in the folder.
        """
        splits = self._splits()
        dark = self._sunglasses()
        photographs = sorted((image_id, path) for folder in _folders(self.root) for image_id, path in _photographs(folder))
        unknown = sorted({image_id.partition("/")[0] for image_id, _ in photographs} - splits.keys())
        if unknown:
            raise InputError(
                f"{self.root} holds photographs of {len(unknown)} people who are in neither official list, among them "
                f"{unknown[0]!r}: take them out, or use --source folder, which makes its own split."
            )
        for image_id, path in photographs:
            person = image_id.partition("/")[0]
            worn = ("wears-sunglasses",) if image_id in dark else ()
            yield Face(self.name, image_id, Path(path), person, splits[person], warnings=worn)

    def locate(self, image_id: str) -> Path:
        """See `Source.locate`."""
        if not _IMAGE_ID.fullmatch(image_id):
            raise InputError(f"{image_id!r} is no image id of LFW: they look like 'Aaron_Peirsol/Aaron_Peirsol_0001'.")
        return locate(self.root, f"{image_id}.jpg")

    def _splits(self) -> dict[str, str]:
        """Person to split, for everybody in the official lists: so a part of LFW is split as the whole is."""
        lists = {split: self._official(names) for split, names in _LISTS.items()}
        missing = [names[0] for split, names in _LISTS.items() if lists[split] is None]
        if missing:
            wanted = " and ".join(missing)
            raise InputError(
                f"LFW's official lists say who is for training and who for testing, and {wanted} (or .csv) is missing. Looked in "
                f"{', '.join(map(str, self._beside()))}. Put it beside {self.root.name}, or use --source folder, which makes a "
                "split of its own."
            )
        people = {split: _people(path) for split, path in lists.items() if path}
        assert_disjoint(((person, split) for split in people for person in people[split]), str(lists["test"]))
        return {**cut_validation(people["train"]), **dict.fromkeys(people["test"], "test")}

    def _sunglasses(self) -> set[str]:
        """Image ids of those who really wear dark glasses, as far as somebody has listed them."""
        path = self._official((_SUNGLASSES,))
        return {line.strip().removesuffix(".jpg") for line in _lines(path)} if path else set()

    def _official(self, names: tuple[str, ...]) -> Path | None:
        """The first of the files that exists, nearest folder first."""
        return next((path for folder in self._beside() for name in names if (path := folder / name).is_file()), None)

    def _beside(self) -> list[Path]:
        return [self.root, *self.root.absolute().parents[:2]]


def _image_folder(root: Path) -> Path:
    """The folder with one folder a person: `root` itself, or one or two folders called lfw-something below it."""
    level = [root]
    for _ in range(3):
        found = [folder for folder in level if _has_people(folder)]
        if len(found) > 1:
            raise InputError(f"More than one copy of LFW: {', '.join(map(str, found))}. Name one of them with --root.")
        if found:
            return found[0]
        level = [
            Path(entry) for folder in level for entry in sorted(_folders(folder)) if Path(entry).name.lower().startswith("lfw")
        ]
    raise InputError(
        f"No LFW at {root}: looked for NAME/NAME_0001.jpg there and in folders called lfw, lfw_funneled, lfw-deepfunneled, ... up "
        "to two levels below. Name the folder that holds one folder a person."
    )


def _has_people(folder: Path) -> bool:
    for person in _folders(folder):
        with suppress(InputError):  # some other folder, that may well be closed
            if _photographs(person):
                return True
    return False


def _folders(folder: Path) -> list[str]:
    return [entry.path for entry in children(str(folder)) if entry.is_dir(follow_symlinks=False) or is_link_to_folder(entry)]


def _photographs(folder: str) -> list[tuple[str, str]]:
    """(image id, path) of the photographs in the folder of one person."""
    person = folder.rpartition(os.sep)[2]
    return [
        (image_id, entry.path)
        for entry in children(folder)
        if entry.name.endswith(".jpg") and _IMAGE_ID.fullmatch(image_id := f"{person}/{entry.name[:-4]}")
    ]


def _people(path: Path) -> list[str]:
    """The names in an official list: lines `name<TAB>count` after one with their number, or a CSV with a header."""
    try:
        rows = list(csv.reader(_lines(path), delimiter="," if path.suffix == ".csv" else "\t"))
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as a list of people: {error}.") from error
    people = [row[0].strip() for row in rows if len(row) > 1 and row[1].strip().isdigit()]
    announced = rows[0][0].strip() if rows and rows[0] else ""
    if not people or (announced.isdigit() and int(announced) != len(people)):
        raise InputError(f"{path} is no complete list of people: {announced or 'no'} announced, {len(people)} found.")
    return people


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}.") from error
