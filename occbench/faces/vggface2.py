"""VGGFace2 (Cao, Shen, Xie, Parkhi and Zisserman 2018): 3.31 million loosely cropped faces of 9,131 people.

Image ids are the official ones, `n000002/0001_01`. Train and test are the official sets, which share no person; a tenth of the
people of the first, by hash, is the validation part. The five landmarks and the box of each face, in files with millions of rows,
are read person by person, so memory does not grow with the number of photographs.
"""

import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from occbench.errors import InputError
from occbench.faces import Face
from occbench.faces.files import children, existing_folder, first_file, folders_below, lines, locate
from occbench.faces.grouped import Grouped
from occbench.manifest.splits import cut_validation

_SETS = ("train", "test")
_DEPTH = 3  # folders between the root and those of the people, at most
_NESTED = ("data", "train", "test", "vggface2")  # how folders on the way begin
_META = ("", "meta", "bb_landmark", "meta/bb_landmark", "label")
_POINTS = ("NAME_ID", *(f"P{k}{axis}" for k in range(1, 6) for axis in "XY"))
_BOX = ("NAME_ID", "X", "Y", "W", "H")
_POSES = ("front", "three-quarter", "profile")
_EACH_POSE = 10  # photographs of a person: two templates of five
_PERSON = re.compile(r"n[0-9]{6}")
_FILE = re.compile(r"([0-9]+_[0-9]+)\.jpg")
_IMAGE_ID = re.compile(r"(n[0-9]{6})/[0-9]+_[0-9]+")


@dataclass(frozen=True, slots=True)
class _Person:
    """What `identity_meta.csv` says of somebody."""

    name: str
    part: str
    gender: str


@dataclass(frozen=True)
class _Part:
    """The files of one of the two sets, as far as they are there."""

    points: Grouped | None
    boxes: Grouped | None
    listed: Grouped | None


class VGGFace2:
    """`--source vggface2`.

    Faces are cropped loosely around the subject, which is therefore the face nearest the middle: where a detector misses a profile,
    a bystander in the background must not be taken instead.

    Args:
        root: the folder with `train` and `test`, or one of them, also nested (`data/train`, `data/vggface2_train`). Lists and
            annotations may lie beside them or up to three folders above, there also in `meta` and `bb_landmark`.

    Raises:
        UsageError, InputError: no root, or no VGGFace2 below it.
    """

    name = "vggface2"
    centred = True
    mean_box = None
    licence = (
        "VGGFace2 is distributed for research; its photographs come from the internet and belong to their owners, and its authors "
        "no longer offer it: read the licence in your copy. Do not redistribute photographs, crops or pairs."
    )

    def __init__(self, root: Path | None) -> None:
        self._folders = _image_folders(existing_folder(root, self.name))
        self.supplies = any(self._find(f"loose_{kind}_{part}.csv") for kind in ("landmark", "bb") for part in _SETS)
        self._said = set[str]()

    def faces(self) -> Iterator[Face]:
        """See `Source.faces`. Only `n000002/0001_01.jpg` and its like count.

        Raises:
            InputError: a person who is in both sets, in two folders, or of whom nothing says which set; a file that is not what it
                should be.
        """
        folders = self._people_here()
        official = self._official(folders)
        people = {part: [person for person in official if official[person] == part] for part in _SETS}
        splits = {**cut_validation(people["train"]), **dict.fromkeys(people["test"], "test")}
        lacking = _Lacking()
        for person in sorted(folders):
            files = self._files[official[person]]
            photographs = sorted(_photographs(folders[person]))
            names = {name for name, _ in photographs}
            points, boxes = (table.rows(person) if table else {} for table in (files.points, files.boxes))
            for table, rows in ((files.points, points), (files.boxes, boxes)):
                if table:
                    lacking.note(f"{table.path} lacks photographs that are here", person, names - rows.keys())
            if files.listed:
                gone = files.listed.rows(person).keys() - names
                lacking.note(f"{files.listed.path} lists photographs of these people that are not here", person, gone)
            for name, path in photographs:
                five, box = points.get(name), boxes.get(name)
                yield Face(
                    self.name,
                    image_id := f"{person}/{name}",
                    path,
                    person,
                    splits[person],
                    points=tuple(zip(five[::2], five[1::2], strict=True)) if five else None,
                    box=(box[0], box[1], box[0] + box[2], box[1] + box[3]) if box else None,
                    attributes=self._attributes(person, image_id),
                )
        for text in lacking.sentences():
            if text not in self._said:
                self._said.add(text)  # a run looks at all photographs more than once
                warnings.warn(text, stacklevel=2)

    def locate(self, image_id: str) -> Path:
        """See `Source.locate`."""
        match = _IMAGE_ID.fullmatch(image_id)
        if match is None:
            raise InputError(f"{image_id!r} is no image id of VGGFace2: they look like 'n000002/0001_01'.")
        folder = next((folder for folder in self._folders if (folder / match[1]).is_dir()), self._folders[0])
        return locate(folder, f"{image_id}.jpg")

    def _people_here(self) -> dict[str, Path]:
        """Person to folder."""
        found: dict[str, Path] = {}
        for path in (path for folder in self._folders for path in folders_below(folder)):
            if _PERSON.fullmatch(path.name):
                if path.name in found:
                    raise InputError(f"{found[path.name]} and {path} are one person: name the copy that is wanted with --root.")
                found[path.name] = path
        return found

    def _official(self, folders: dict[str, Path]) -> dict[str, str]:
        """Person to `train` or `test`, for everybody known: so a part of VGGFace2 is split as the whole is."""
        said = {person: part for part in _SETS if (listed := self._files[part].listed) for person in listed.groups}
        said |= {person: known.part for person, known in self._known.items()}
        for person, folder in folders.items():
            named = [part for part in _SETS if part in folder.parent.name.lower()]
            if len(named) == 1 and said.setdefault(person, named[0]) != named[0]:
                raise InputError(
                    f"{folder} lies in the folder for {named[0]}, but the official set of this person is {said[person]}."
                )
            if person not in said:
                raise InputError(
                    f"Nothing says whether {person} is for training or testing: {folder.parent} is not called train or test, and "
                    "identity_meta.csv, train_list.txt and test_list.txt do not have the person or are missing. Looked in "
                    f"{', '.join(map(str, self._beside()))}, and in meta and bb_landmark there."
                )
        return said

    def _attributes(self, person: str, image_id: str) -> dict[str, str] | None:
        said = dict[str, str]()
        if known := self._known.get(person):
            said |= {"name": known.name, "gender": known.gender}
        if pose := self._poses.get(image_id):
            said["pose_template"] = pose
        return said or None

    @cached_property
    def _files(self) -> dict[str, _Part]:
        def grouped(columns: tuple[str, ...], *names: str) -> Grouped | None:
            return Grouped(path, columns) if (path := self._find(*names)) else None

        return {
            part: _Part(
                grouped(_POINTS, f"loose_landmark_{part}.csv"),
                grouped(_BOX, f"loose_bb_{part}.csv"),
                grouped((), f"{part}_list.txt", f"{part}.txt"),
            )
            for part in _SETS
        }

    @cached_property
    def _known(self) -> dict[str, _Person]:
        path = self._find("identity_meta.csv")
        return dict(_people(path)) if path else {}

    @cached_property
    def _poses(self) -> dict[str, str]:
        path = self._find("test_posetemp_imglist.txt")
        return _pose_templates(path) if path else {}

    def _find(self, *names: str) -> Path | None:
        return first_file([folder / below for folder in self._beside() for below in _META], names)

    def _beside(self) -> list[Path]:
        above = [[folder, *folder.absolute().parents[:_DEPTH]] for folder in self._folders]
        return list(dict.fromkeys(folder for level in zip(*above, strict=False) for folder in level))


class _Lacking:
    """What is missing: counted, with the first example."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._first: dict[str, str] = {}

    def note(self, what: str, person: str, names: Iterable[str]) -> None:
        """Count these photographs of a person under `what`."""
        names = sorted(names)
        if names:
            self._counts[what] += len(names)
            self._first.setdefault(what, f"{person}/{names[0]}")

    def sentences(self) -> Iterator[str]:
        """One for each kind."""
        return (f"{what}: {count} of them, {self._first[what]} the first." for what, count in self._counts.items())


def _people(path: Path) -> Iterator[tuple[str, _Person]]:
    """The rows of `identity_meta.csv`: class, name, number of photographs, flag (1 for training), gender; perhaps an empty cell."""
    for line, text in lines(path):
        try:
            cells = [cell.strip() for cell in next(csv.reader([text], skipinitialspace=True))]
        except csv.Error as error:
            raise InputError(f"{path}, line {line}: {error}.") from error
        if line == 1 and cells[0].lower() == "class_id":
            continue
        if len(cells) < 5 or not _PERSON.fullmatch(cells[0]) or cells[3] not in ("0", "1"):
            raise InputError(f"{path}, line {line}: not class, name, number, flag (0 or 1) and gender: {text[:100]!r}.")
        yield cells[0], _Person(cells[1], "train" if cells[3] == "1" else "test", cells[4])


def _pose_templates(path: Path) -> dict[str, str]:
    """Image id to pose: of each person, the first ten photographs show the front, the next three quarters, the last a profile."""
    seen = Counter[str]()
    poses: dict[str, str] = {}
    for line, text in lines(path):
        image_id = text.removesuffix(".jpg")
        match = _IMAGE_ID.fullmatch(image_id)
        if match is None:
            raise InputError(f"{path}, line {line}: {text[:60]!r} does not look like 'n000009/0017_01.jpg'.")
        pose = min(seen[match[1]] // _EACH_POSE, len(_POSES) - 1)
        poses.setdefault(image_id, _POSES[pose])
        seen[match[1]] += 1
    wrong = [person for person, count in seen.items() if count != _EACH_POSE * len(_POSES)]
    if wrong:
        raise InputError(
            f"{path} has {seen[wrong[0]]} photographs of {wrong[0]}, pose templates {_EACH_POSE * len(_POSES)} of each person: are "
            "these the age templates, which have 20?"
        )
    return poses


def _photographs(folder: Path) -> list[tuple[str, Path]]:
    """(name, path) of the photographs in the folder of one person."""
    return [(match[1], Path(entry.path)) for entry in children(str(folder)) if (match := _FILE.fullmatch(entry.name))]


def _image_folders(root: Path) -> list[Path]:
    """The folders that hold one folder a person: `root` itself, or some below it whose names say so."""
    level, found = [root], list[Path]()
    for _ in range(_DEPTH + 1):
        below = {folder: folders_below(folder) for folder in level}
        here = [folder for folder in level if any(_PERSON.fullmatch(path.name) for path in below[folder])]
        found += here
        level = [path for folder in level if folder not in here for path in below[folder] if _leads_on(path)]
    if not found:
        raise InputError(
            f"No VGGFace2 at {root}: looked for folders such as n000002 there and in folders called train, test, data, "
            f"vggface2_train, ... up to {_DEPTH} levels below. Name the folder that holds train and test."
        )
    return found


def _leads_on(folder: Path) -> bool:
    return folder.name.lower().replace("-", "").replace("_", "").startswith(_NESTED)
