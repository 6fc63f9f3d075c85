"""CelebA (Liu, Luo, Wang and Tang 2015): aligned and cropped, as JPEG or PNG, or in the wild.

Image ids are the official numbers, `000001`; in the wild they begin with `img_celeba/`, as those are other photographs with other
landmarks. Splits are the official partition. The five landmarks that come with every photograph are supplied points, so no detector
is needed. Its 40 attributes are -1 or 1.

Only what is here counts: annotations may list all of CelebA while a part of the photographs is there.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.errors import InputError
from occbench.faces import Face
from occbench.faces.files import children, existing_folder, first_file, folders_below, lines, locate
from occbench.manifest.splits import assert_disjoint

_WILD = "img_celeba"
_PREFERRED = ("img_align_celeba", "img_align_celeba_png", _WILD)  # where a root holds several
_DEPTH = 3  # folders between the root and the photographs, at most

# dlib's mean box over the 977 of 999 aligned photographs (178×218) in which it finds the subject, as fractions of the frame.
_MEAN_BOX = (0.2432, 0.3903, 0.7563, 0.8030)

_PARTITION = {0: "train", 1: "val", 2: "test"}
_FIVE = ["lefteye", "righteye", "nose", "leftmouth", "rightmouth"]  # left in the image
_POINTS = [f"{point}_{axis}" for point in _FIVE for axis in "xy"]
_BOX = ["x_1", "y_1", "width", "height"]
_FILE = re.compile(r"([0-9]{6})\.(?:jpg|png)")
_IMAGE_ID = re.compile(rf"(?:{_WILD}/)?([0-9]{{6}})")


class CelebA:
    """`--source celeba`.

    Args:
        root: the folder of the photographs, or one up to three above it: the official tree (`Img/`, `Anno/`, `Eval/`),
            torchvision's flat one, the copy on Kaggle with its nested folder and CSV files. Where several kinds of photographs are
            below it, those called img_align_celeba are taken; name the folder itself for others.

    Raises:
        UsageError, InputError: no root, no photographs of CelebA below it, or two copies.
    """

    name = "celeba"
    licence = (
        "CelebA is for non-commercial research only; its photographs come from the internet and belong to their owners. Do not "
        "copy, publish or distribute any part of it, nor use derived data commercially."
    )

    def __init__(self, root: Path | None) -> None:
        self.root = _image_folder(existing_folder(root, self.name))
        self._wild = self.root.name.lower() == _WILD
        self.centred = not self._wild
        self.mean_box = None if self._wild else _MEAN_BOX
        self._points = self._official("list_landmarks_celeba" if self._wild else "list_landmarks_align_celeba")
        self._boxes = self._official("list_bbox_celeba") if self._wild else None  # they are meant for these photographs only
        self.supplies = bool(self._points or self._boxes)
        self._said: set[Path] = set()

    def faces(self) -> Iterator[Face]:
        """See `Source.faces`. Only `000001.jpg` (or .png) and its like count.

        Raises:
            InputError: no partition, a file that does not know a photograph that it must know, or that is not what it should be;
                a person in two splits.
        """
        photographs = self._photographs()
        stems = list(photographs)
        splits = self._splits(stems)
        identities = self._identities(stems, splits)
        unsure = ("identity-from-filename",) if identities is None else ()
        attributes, points, boxes = (
            self._table(self._official("list_attr_celeba"), stems, np.int8),
            self._table(self._points, stems, np.float64, _POINTS),
            self._table(self._boxes, stems, np.float64, _BOX),
        )
        if attributes is not None and len(attributes.columns) != attributes.values.shape[1]:
            raise InputError(f"{attributes.path} has no line with a name for each attribute: it is the second, or a CSV's first.")
        for row, (stem, path) in enumerate(photographs.items()):
            five, box, said = (None if table is None else table.at(row) for table in (points, boxes, attributes))
            yield Face(
                self.name,
                f"{_WILD}/{stem}" if self._wild else stem,
                Path(path),
                stem if identities is None else identities[row],
                splits[row],
                points=tuple(zip(five[::2], five[1::2], strict=True)) if five else None,
                box=(box[0], box[1], box[0] + box[2], box[1] + box[3]) if box else None,
                attributes=dict(zip(attributes.columns, said, strict=True)) if attributes and said else None,
                warnings=unsure,
            )

    def locate(self, image_id: str) -> Path:
        """See `Source.locate`."""
        match = _IMAGE_ID.fullmatch(image_id)
        if match is None:
            raise InputError(f"{image_id!r} is no image id of CelebA: they look like '000001' or '{_WILD}/000001'.")
        if image_id.startswith(_WILD) is not self._wild:
            wanted = _WILD if not self._wild else "img_align_celeba"
            raise InputError(f"{image_id!r} is not among the photographs in {self.root}: name the folder {wanted} with --root.")
        png = f"{match[1]}.png"
        return locate(self.root, png if (self.root / png).exists() else f"{match[1]}.jpg")

    def _photographs(self) -> dict[str, str]:
        """Official number to path, sorted."""
        found: dict[str, str] = {}
        for entry in sorted(children(str(self.root)), key=lambda entry: entry.name):
            if match := _FILE.fullmatch(entry.name):
                if match[1] in found:
                    raise InputError(f"{found[match[1]]} and {entry.path} are one photograph: keep one of them.")
                found[match[1]] = entry.path
        return found

    def _splits(self, stems: list[str]) -> list[str]:
        path = self._official("list_eval_partition")
        if path is None:
            raise InputError(
                "CelebA's official partition says who is for training and who for testing, and list_eval_partition.txt (or .csv) "
                f"is missing. Looked in {', '.join(map(str, self._beside()))}, and in Anno and Eval there."
            )
        table = _read(path, stems, np.int8)
        table.must_be_whole(stems)
        numbers = table.values[:, 0].tolist()
        wrong = sorted(set(numbers) - _PARTITION.keys())
        if wrong:
            raise InputError(f"{path} has a partition {wrong[0]}: 0 is for training, 1 for validation, 2 for testing.")
        return [_PARTITION[number] for number in numbers]

    def _identities(self, stems: list[str], splits: list[str]) -> list[str] | None:
        path = self._official("identity_CelebA")
        if path is None:
            return None
        table = _read(path, stems, np.int32)
        table.must_be_whole(stems)
        identities = [str(number) for number in table.values[:, 0].tolist()]
        assert_disjoint(zip(identities, splits, strict=True), str(path))
        return identities

    def _table(self, path: Path | None, stems: list[str], kind: Any, columns: list[str] | None = None) -> "_Table | None":
        """An annotation that not all photographs need to have; says which lack it, once."""
        if path is None:
            return None
        table = _read(path, stems, kind, columns)
        if (said := table.missing(stems)) and path not in self._said:
            self._said.add(path)  # a run looks at all photographs more than once
            warnings.warn(f"{said} They go without what it says.", stacklevel=3)
        return table

    def _official(self, name: str) -> Path | None:
        folders = [folder / below for folder in self._beside() for below in ("", "Anno", "Eval")]
        return first_file(folders, (f"{name}.txt", f"{name}.csv"))

    def _beside(self) -> list[Path]:
        return [self.root, *self.root.absolute().parents[:_DEPTH]]


@dataclass(frozen=True, eq=False)
class _Table:
    """What a file says about the photographs that are here.

    Attributes:
        path: of the file.
        columns: names of its columns, [] where it has none.
        values: (N, columns) of numbers.
        known: (N,) bool, the file has a row for the photograph.
        told: how many rows it announces in its first line and has, for messages.
    """

    path: Path
    columns: list[str]
    values: npt.NDArray[Any]
    known: npt.NDArray[np.bool_]
    told: str

    def at(self, row: int) -> list[Any] | None:
        """The numbers of a photograph, if the file has them."""
        return self.values[row].tolist() if self.known[row] else None

    def missing(self, stems: list[str]) -> str:
        """A sentence about the photographs without a row; '' where all have one."""
        lacking = np.flatnonzero(~self.known)
        if not len(lacking):
            return ""
        return f"{self.path} ({self.told}) lacks {len(lacking)} of these {len(stems)} photographs, {stems[lacking[0]]} the first."

    def must_be_whole(self, stems: list[str]) -> None:
        """Refuse a file that lacks a photograph."""
        if said := self.missing(stems):
            raise InputError(f"{said} Complete it, or take these photographs out.")


def _read(path: Path, stems: list[str], kind: Any, columns: list[str] | None = None) -> _Table:
    """One of CelebA's tables: a row is a file name and numbers, behind spaces or, in a CSV, commas.

    Before the rows may stand how many they are, and the names of the columns (`columns`, if given, in this order).
    """
    numbers = {stem: row for row, stem in enumerate(stems)}
    known = np.zeros(len(stems), np.bool_)
    values: npt.NDArray[Any] | None = None
    announced, names, rows = "", list[str](), 0
    for line, text in lines(path):
        cells = [cell.strip(' "') for cell in text.split(",")] if path.suffix == ".csv" else text.split()
        match = _FILE.fullmatch(cells[0])
        if match is None and values is None:
            if len(cells) == 1 and cells[0].isdigit():
                announced = f"announces {int(cells[0])} rows, "
            else:
                names = cells[cells[0] == "image_id" :]
                if columns and names != columns:
                    raise InputError(
                        f"{path} has the columns {' '.join(names)[:200]}, and not {' '.join(columns)}: is it that file?"
                    )
            continue
        if match is None:
            raise InputError(f"{path}, line {line}: {cells[0][:60]!r} is no photograph's name.")
        if values is None:
            values = np.zeros((len(stems), len(columns or names or cells[1:])), kind)
        rows += 1
        row = numbers.get(match[1])
        if row is None:
            continue
        if known[row]:
            raise InputError(f"{path}, line {line}: a second row of {cells[0]}.")
        try:
            values[row] = np.reshape([kind(cell) for cell in cells[1:]], values.shape[1])  # not one number for all columns
            known[row] = np.isfinite(values[row]).all()
        except (ValueError, OverflowError) as error:
            raise InputError(f"{path}, line {line}: not {values.shape[1]} numbers ({error}).") from error
        if not known[row]:
            raise InputError(f"{path}, line {line}: a number that is not finite.")
    if values is None:
        raise InputError(f"{path} has no rows: they begin with a photograph's name, such as 000001.jpg.")
    return _Table(path, names, values, known, f"{announced}has {rows}")


def _image_folder(root: Path) -> Path:
    """The folder with the photographs: `root` itself, or one below it whose name says so."""
    level, found = [root], list[Path]()
    for _ in range(_DEPTH + 1):
        here = [folder for folder in level if any(_FILE.fullmatch(entry.name) for entry in children(str(folder)))]
        found += here
        below = [path for folder in level if folder not in here for path in folders_below(folder)]
        level = [path for path in below if path.name.lower().startswith(("celeba", "img"))]
    if not found:
        raise InputError(
            f"No CelebA at {root}: looked for 000001.jpg (or .png) there and in folders called {', '.join(_PREFERRED)}, ... up to "
            f"{_DEPTH} levels below. Name the folder that holds the photographs."
        )
    kinds = [_PREFERRED.index(name) if (name := folder.name.lower()) in _PREFERRED else 0 for folder in found]
    best = [folder for folder, kind in zip(found, kinds, strict=True) if kind == min(kinds)]
    if len(best) > 1:
        raise InputError(f"More than one copy of CelebA: {', '.join(map(str, best))}. Name one of them with --root.")
    return best[0]
