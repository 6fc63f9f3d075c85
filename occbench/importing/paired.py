"""Two folders with files of the same names: occluded and clean; perhaps a third with masks."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from occbench.errors import InputError, UsageError
from occbench.faces import Face
from occbench.importing import Couple, Layout, Occluded
from occbench.importing.files import SPLIT_WORDS, folder, photographs, splits, stem, unique
from occbench.manifest.schema import Reject

# What people call the three folders, in any case.
_CALLED = {
    "occluded": ("occluded", "occ", "input", "inputs", "with_mask", "masked"),
    "clean": ("clean", "gt", "ground_truth", "groundtruth", "target", "targets", "without_mask", "unmasked"),
    "masks": ("mask", "masks"),
}
_NEEDED = ("occluded", "clean")


class Paired(Layout):
    """Folders `occluded` and `clean` (or `gt`, ...), perhaps `mask`, files matched by name; perhaps below `train` and `test`.

    An occluded `NAME.png` or `NAME_anything.jpg` belongs to the clean `NAME.png`; what follows the name is its variant. Photographs
    in folders show whoever the folder is named after, others whoever the file is named after. A folder `train`, `val` or `test`,
    above the three or in them, is a split.
    """

    def __init__(
        self,
        name: str,
        root: Path | None = None,
        occluded: Path | None = None,
        clean: Path | None = None,
        masks: Path | None = None,
    ) -> None:
        super().__init__(name)
        given = {"occluded": occluded, "clean": clean, "masks": masks}
        if root is not None:
            if any(given.values()):
                raise UsageError("--root names a folder that holds all of them: leave out --occluded, --clean and --masks.")
            self._root: Path | None = folder(root, "root", "paired")
        elif occluded is None or clean is None:
            raise UsageError("The layout 'paired' needs --root, or --occluded and --clean.")
        else:
            self._root = None
            self._given = {key: folder(path, key, "paired") for key, path in given.items() if path is not None}

    def couples(self) -> tuple[list[Couple], list[Reject]]:
        """See `Layout.couples`."""
        found: list[Couple] = []
        rejects: list[Reject] = []
        parts = {"": self._given} if self._root is None else _parts(self._root)
        for split, part in parts.items():
            some, others = self._couples(f"{split}/" if split else "", part)
            found, rejects = found + some, rejects + others
        if not found:
            where = " and ".join(str(part[key]) for part in parts.values() for key in _NEEDED)
            raise InputError(f"No pairs in {where}: no occluded file has the name of a clean one (endings do not matter).")
        people = {couple.face.image_id: _who(couple.face.image_id) for couple in found}
        settled = splits(((who, split) for who, split, _ in people.values()), str(next(iter(parts.values()))["clean"].parent))
        couples = [_settled(couple, people[couple.face.image_id], settled) for couple in found]
        return sorted(couples, key=lambda couple: couple.face.image_id), rejects

    def _couples(self, prefix: str, part: Mapping[str, Path]) -> tuple[list[Couple], list[Reject]]:
        """The pairs of one set of folders, people and splits still open; image ids start with `prefix`."""
        files = {key: photographs(path) for key, path in part.items()}
        rejects: list[Reject] = []
        stems: dict[str, dict[str, str]] = {}
        for key in files:
            stems[key], twice = unique(files[key], self.name)
            rejects += twice

        def reject(image_id: str, reason: str, detail: str) -> None:
            rejects.append(Reject(self.name, prefix + image_id, "", reason, detail))

        versions: dict[str, list[Occluded]] = {}
        masks_used = set()
        for key, image_id in sorted(stems["occluded"].items()):
            owner = _owner(key, stems["clean"])
            mask = next((m for m in (key, owner) if m is not None and m in stems.get("masks", ())), None)
            if owner is None:
                reject(image_id, "no-clean", f"no clean image of this name in {part['clean']}")
            elif mask is None and "masks" in part:
                reject(image_id, "no-mask", f"no mask of this name in {part['masks']}")
            else:
                masks_used.add(mask)
                versions.setdefault(owner, []).append(
                    Occluded(
                        files["occluded"][image_id],
                        prefix + image_id,
                        "imported",
                        key[len(owner) :].strip("._- ")[:100] or "imported",
                        len(versions.get(owner, ())),
                        None if mask is None else files["masks"][stems["masks"][mask]],
                    )
                )
        for key, image_id in stems["clean"].items():
            if key not in versions:
                reject(image_id, "no-occluded", f"no occluded image of this name in {part['occluded']}")
        for key, image_id in stems.get("masks", {}).items():
            if key not in masks_used:
                reject(image_id, "unused-mask", "a mask of no pair")
        couples = []
        for owner, occluded in sorted(versions.items()):
            image_id = stems["clean"][owner]
            couples.append(Couple(Face(self.name, prefix + image_id, files["clean"][image_id], "", ""), tuple(occluded)))
        return couples, rejects


def _parts(root: Path) -> dict[str, dict[str, Path]]:
    """Split ("" for all) to its folders."""
    whole = _trio(root)
    if all(key in whole for key in _NEEDED):
        return {"": whole}
    below = {path.name: _trio(path) for path in sorted(root.iterdir()) if path.name.lower() in SPLIT_WORDS and path.is_dir()}
    below = {name: trio for name, trio in below.items() if all(key in trio for key in _NEEDED)}
    if below:
        return below
    looked = "; ".join(f"{key}: {', '.join(_CALLED[key])}" for key in _NEEDED)
    raise InputError(
        f"No paired folders at {root}: looked there, and in train, val and test below, for one folder of each kind ({looked}). "
        "Name them with --occluded and --clean instead."
    )


def _trio(root: Path) -> dict[str, Path]:
    trio = {}
    for key, names in _CALLED.items():
        found = [path for path in sorted(root.iterdir()) if path.name.lower() in names and path.is_dir()]
        if len(found) > 1:
            raise InputError(f"Which one is {key}: {' or '.join(map(str, found))}? Name the folders with --occluded and --clean.")
        if found:
            trio[key] = found[0]
    return trio


def _owner(key: str, clean: Mapping[str, str]) -> str | None:
    """The stem of the clean image that an occluded one belongs to: its own, or the longest that it continues."""
    return next((candidate for candidate in _beginnings(key) if candidate in clean), None)


def _beginnings(key: str) -> Iterator[str]:
    yield key
    start = key.rfind("/") + 1
    yield from (key[:at] for at in range(len(key) - 1, start, -1) if key[at] in "_-. ")


def _who(image_id: str) -> tuple[str, str | None, tuple[str, ...]]:
    """Identity, split if any, and warnings."""
    path = PurePosixPath(image_id)
    split = SPLIT_WORDS.get(path.parts[0].lower()) if len(path.parts) > 1 else None
    folders = path.parts[1 if split else 0 : -1]
    return (folders[-1], split, ()) if folders else (stem(image_id), split, ("identity-from-filename",))


def _settled(couple: Couple, who: tuple[str, str | None, tuple[str, ...]], settled: Mapping[str, str]) -> Couple:
    face, (identity, _, warnings) = couple.face, who
    return Couple(Face(face.source, face.image_id, face.path, identity, settled[identity], warnings=warnings), couple.occluded)
