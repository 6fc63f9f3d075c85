"""Any tree of photographs. Who is on them: the folder they lie in, or a CSV.

Image ids are paths relative to the root. A photograph shows whoever the folder that it lies in is named after, so folders of one
name are one person; in the root itself, whoever the file is named after (warning `identity-from-filename`). People are split
80/10/10 by hash. A CSV can say otherwise.

Symbolic links to folders outside the root are followed, each folder once; links to what lies in the tree anyway are not. Data
sets that occbench made are left out, so that one may be written beside the photographs.
"""

import csv
import heapq
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from occbench.errors import InputError
from occbench.faces import Face
from occbench.faces.files import children, existing_folder, id_of, is_link_to_folder, locate
from occbench.manifest import RECORDS
from occbench.manifest.schema import SPLITS
from occbench.manifest.splits import assert_disjoint, by_identity

# What is taken for a photograph. The last line cannot be decoded here: better a reject than a photograph that nobody misses.
_SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm",
    ".heic", ".heif", ".avif",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Person:
    identity: str
    split: str | None = None
    warnings: tuple[str, ...] = ()


class Folder:
    """`--source folder`.

    Args:
        root: the tree.
        identities: a CSV with the columns `path` (or `image`; relative to the root), `identity` and, if wanted, `split`. Then
            exactly the photographs that it lists are used.

    Raises:
        UsageError, InputError: no root, or no such folder or CSV.
    """

    name = "folder"
    centred = False
    mean_box = None
    supplies = False
    licence = "Photographs of the user's own folder: its owner knows their terms, and must have the consent of the people in them."

    def __init__(self, root: Path | None, identities: Path | str | None = None) -> None:
        self.root = existing_folder(root, self.name)
        self.identities = None if identities is None else Path(identities)
        if self.identities is not None and not self.identities.is_file():
            raise InputError(f"No list of identities at {self.identities}.")

    def faces(self) -> Iterator[Face]:
        """See `Source.faces`.

        Raises:
            InputError: no photographs; names that only Unicode normalisation tells apart; a folder that cannot be listed; a CSV
                that lacks a column, lists what is not there, or puts a person into two splits.
        """
        found = self._photographs()
        if not found:
            looked = f"looked for {' '.join(sorted(_SUFFIXES))}, and skipped folders that occbench made"
            raise InputError(f"No photographs in {self.root} or below: {looked}.")
        people = self._listed(found) if self.identities else {image_id: _who(image_id) for image_id in found}
        given = {person.identity: person.split for person in people.values() if person.split}
        splits = {**by_identity(person.identity for person in people.values() if person.identity not in given), **given}
        for image_id, person in sorted(people.items()):
            split = splits[person.identity]
            yield Face(self.name, image_id, Path(found[image_id]), person.identity, split, warnings=person.warnings)

    def locate(self, image_id: str) -> Path:
        """See `Source.locate`."""
        return locate(self.root, image_id)

    def _photographs(self) -> dict[str, str]:
        """Image id to path."""
        root, found = str(self.root), dict[str, str]()
        for path in _walk(root):
            image_id = id_of(path.removeprefix(os.path.join(root, "")))  # noqa: PTH118
            if image_id in found:
                names = " and ".join(map(ascii, sorted((found[image_id], path))))
                raise InputError(f"{names} are both {image_id!r}: their names differ only in how Unicode writes them. Rename one.")
            found[image_id] = path
        return found

    def _listed(self, found: dict[str, str]) -> dict[str, _Person]:
        """Image id to what the CSV says about it."""
        where = str(self.identities)
        people: dict[str, _Person] = {}
        missing = []
        for line, path, identity, split in _rows(where):
            image_id, person = id_of(os.path.normpath(path)), _Person(id_of(identity), split or None)
            if not path or not identity:
                raise InputError(f"{where}, line {line}: path or identity is empty.")
            if split and split not in SPLITS:
                raise InputError(f"{where}, line {line}: no split {split!r}, only {', '.join(SPLITS)} (or nothing).")
            if image_id not in found:
                missing.append(f"{path!r} (line {line})")
            elif people.setdefault(image_id, person) != person:
                raise InputError(f"{where}, line {line}: {image_id!r} is listed before, with another identity or split.")
        if missing:
            raise InputError(
                f"{where} lists {len(missing)} photographs that are not in {self.root} or below: {', '.join(missing[:3])}"
                f"{', ...' if len(missing) > 3 else ''}. Paths are relative to that folder."
            )
        if not people:
            raise InputError(f"{where} lists no photographs.")
        assert_disjoint(((person.identity, person.split) for person in people.values() if person.split), where)
        return people


def _who(image_id: str) -> _Person:
    path = PurePosixPath(image_id)
    return _Person(path.parent.name) if path.parent.name else _Person(path.stem, warnings=("identity-from-filename",))


def _walk(root: str) -> Iterator[str]:
    """Paths of all photographs. Links to folders come last and sorted, so the file system's order does not matter."""
    folders, links = [root], list[str]()
    visited: set[tuple[int, int]] = set()
    while folders or links:
        folder = folders.pop() if folders else heapq.heappop(links)
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        if (Path(folder) / RECORDS).is_dir():
            continue
        for entry in children(folder):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif is_link_to_folder(entry):
                heapq.heappush(links, entry.path)
            elif Path(entry.name).suffix.lower() in _SUFFIXES and not _stays_inside(entry, root):
                yield entry.path


def _stays_inside(entry: os.DirEntry[str], root: str) -> bool:
    """A link to a file that the walk meets anyway."""
    path = Path(entry.path)
    return entry.is_symlink() and path.is_file() and path.resolve().is_relative_to(Path(root).resolve())


def _rows(where: str) -> Iterator[tuple[int, str, str, str]]:
    """(line, path, identity, split) of each row of a CSV; empty where there is nothing."""
    try:
        with Path(where).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            path = next((name for name in ("path", "image") if name in names), None)
            if path is None or "identity" not in names:
                raise InputError(
                    f"{where} needs the columns path (or image) and identity, separated by commas; it has: {', '.join(names)}."
                )
            reader.fieldnames = names
            for row in reader:
                file_name, identity, split = ((row.get(name) or "").strip() for name in (path, "identity", "split"))
                yield reader.line_num, file_name, identity, split
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{where} cannot be read as a CSV: {error}.") from error
