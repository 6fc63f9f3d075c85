"""The photographs of some data sets, in a fixed order, as columns of hashes: 39 bytes a photograph, whatever their names are.

Names are read again, from the manifests, for those few that a report speaks of.
"""

import json
import unicodedata
from array import array
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from occbench.errors import InputError, UsageError
from occbench.manifest import MANIFEST, batches
from occbench.manifest.natural import NATURAL, natural_batches
from occbench.manifest.schema import SPLITS

# Sources that are any folder of anybody's: equal names in two data sets need not mean equal people.
ANYBODYS = ("folder", "natural", "paired")
_COLUMNS = ("source", "image_id", "identity", "split", "source_sha256", "attributes")
_FEWEST = 3  # letters of a name


class Photograph(NamedTuple):
    """One photograph of a data set: what its manifest says, and where its clean image lies."""

    data: int
    source: str
    image_id: str
    identity: str
    split: str
    file: str
    attributes: str | None
    pixels: str
    path: str


class Photographs:
    """All photographs of some data sets, and of natural sets.

    Args:
        folders: each with a `manifest.parquet`, a `natural.parquet`, or both.

    Attributes:
        folders: as given.
        data: (N,) number of the folder.
        split: (N,) a number for each split.
        world: (N,) a number for each source inside which identities are unique.
        person, photo: (N,) int64 hashes of world and identity, and of world and image id.
        file, pixels: (N,) int64 of the sha256 of the photograph's file and of its clean pixels.
        names: three columns: hash of a person's name, position of the first photograph of a run of that person's, the person.

    Raises:
        UsageError: a folder is given twice.
        InputError: a folder without a manifest, or with one that cannot be read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        real = [folder.resolve() for folder in folders]
        for number, folder in enumerate(real):
            if folder in real[:number]:
                raise UsageError(f"{folders[number]} is given twice, and would be found to be a copy of itself.")
            if not any((folder / name).exists() for name in (MANIFEST, NATURAL)):
                raise InputError(f"{folders[number]} holds neither {MANIFEST} nor {NATURAL}; name the folder of a data set.")
        self.folders = list(folders)
        worlds: dict[str, int] = {}
        small = {"data": array("H"), "split": array("B"), "world": array("i")}
        large = {name: array("q") for name in ("person", "photo", "file", "pixels")}
        names = [array("q"), array("q"), array("q")]
        last: Any = None
        for at, photograph in enumerate(self):
            world = photograph.source if photograph.source not in ANYBODYS else f"{photograph.source} {photograph.data}"
            person = hash((world, photograph.identity))
            small["data"].append(photograph.data)
            small["split"].append(SPLITS.index(photograph.split))
            small["world"].append(worlds.setdefault(world, len(worlds)))
            large["person"].append(person)
            large["photo"].append(hash((world, photograph.image_id)))
            large["file"].append(_start(photograph.file))
            large["pixels"].append(_start(photograph.pixels))
            if (person, photograph.split) != last:
                last = (person, photograph.split)
                for name in _names(photograph):
                    for column, value in zip(names, (hash(name), at, person), strict=True):
                        column.append(value)
        self.data, self.split, self.world = (np.asarray(small[name]) for name in ("data", "split", "world"))
        self.person, self.photo, self.file, self.pixels = (np.asarray(large[name]) for name in large)
        self.names = tuple(np.asarray(column) for column in names)

    def __len__(self) -> int:
        return len(self.person)

    def __iter__(self) -> Iterator[Photograph]:
        """Read from the manifests, in their order; a photograph whose rows follow each other comes once."""
        for number in range(len(self.folders)):
            yield from self.of(number)

    def of(self, number: int) -> Iterator[Photograph]:
        """Those of one folder."""
        folder = self.folders[number]
        if (folder / MANIFEST).exists():
            yield from _read(number, batches(folder / MANIFEST, (*_COLUMNS, "clean_sha256", "clean_path")))
        if (folder / NATURAL).exists():
            yield from _read(number, natural_batches(folder / NATURAL, (*_COLUMNS, "sha256", "path")))

    def at(self, positions: Collection[int]) -> dict[int, Photograph]:
        """Some photographs, read again."""
        wanted = set(positions)
        return {at: photograph for at, photograph in enumerate(self) if at in wanted} if wanted else {}


def normalised(name: str) -> str:
    """A person's name as it compares: without case, accents, and whatever else is no letter; empty where it is no name.

    `George_W_Bush` and `George W. Bush` are equal. What holds a digit (`n000123`, `2880`, `person_1`) is a number, and no name.
    """
    letters = "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if not unicodedata.combining(c))
    words = "".join(c if c.isalnum() else " " for c in letters).split()
    joined = " ".join(words)
    return joined if len(joined) - len(words) + 1 >= _FEWEST and not any(c.isdigit() for c in joined) else ""


def _read(number: int, found: Iterator[Any]) -> Iterator[Photograph]:
    last: Any = None
    for batch in found:
        names = batch.schema.names
        pixels, path = ("clean_sha256", "clean_path") if "clean_path" in names else ("sha256", "path")
        columns = (batch.column(name).to_pylist() for name in (*_COLUMNS, pixels, path))
        for row in zip(*columns, strict=True):
            if row != last:
                yield Photograph(number, *row)
                last = row


def _names(photograph: Photograph) -> set[str]:
    """What the person is called: by the identity, and by an attribute `name`."""
    called = [photograph.identity]
    if photograph.attributes and '"name"' in photograph.attributes:
        try:
            said = json.loads(photograph.attributes)
        except (ValueError, RecursionError):
            said = None
        if isinstance(said, dict) and isinstance(said.get("name"), str):
            called.append(said["name"])
    return {name for name in map(normalised, called) if name}


def _start(sha256: str) -> int:
    """The first 64 bits of a hash, which tell any number of photographs apart that a disk holds."""
    return int(sha256[:16], 16) - (1 << 63)
