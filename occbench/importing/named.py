"""Layouts in which the file names alone say what belongs together, wherever the files lie below the root."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from occbench.errors import InputError
from occbench.faces import Face
from occbench.importing import Couple, Layout, Occluded
from occbench.importing.files import folder, photographs, splits
from occbench.manifest.schema import Reject


class Named(NamedTuple):
    """What a file name says.

    Attributes:
        photograph: image id of the clean photograph.
        identity, split: of the person; None where the layout knows no splits.
        occluder: None for the clean photograph itself.
        variant: of the occluder.
    """

    photograph: str
    identity: str
    split: str | None = None
    occluder: str | None = None
    variant: str = ""


class NamedLayout(Layout):
    """A layout of this kind; `read_name` and `example` make it one."""

    example = ""

    def __init__(self, name: str, root: Path | None = None) -> None:
        super().__init__(name)
        self.root = folder(root, "root", name)

    def read_name(self, stem: str) -> Named | None:
        """What a file name without its ending says; None where it is none of this layout."""
        raise NotImplementedError

    def couples(self) -> tuple[list[Couple], list[Reject]]:
        """See `Layout.couples`."""
        clean: dict[str, list[str]] = {}
        occluded: dict[str, list[tuple[Named, str]]] = {}
        rejects: list[Reject] = []
        files = photographs(self.root)
        for image_id in files:
            said = self.read_name(PurePosixPath(image_id).stem)
            if said is None:
                rejects.append(Reject(self.name, image_id, "", "unknown-name", f"files of this layout are called {self.example}"))
            elif said.occluder is None:
                clean.setdefault(said.photograph, []).append(image_id)
            else:
                occluded.setdefault(said.photograph, []).append((said, image_id))
        rejects += self._unmatched(clean, occluded)
        usable = {name: ids[0] for name, ids in clean.items() if len(ids) == 1 and name in occluded}
        if not usable:
            raise InputError(f"No pairs at {self.root} or below: looked for files called {self.example}.")
        people = {name: occluded[name][0][0] for name in usable}
        settled = splits(((said.identity, said.split) for said in people.values()), str(self.root))
        couples = []
        for name, image_id in sorted(usable.items()):
            who = people[name].identity
            versions, twice = self._versions(occluded[name], files)
            rejects += twice
            couples.append(Couple(Face(self.name, name, files[image_id], who, settled[who]), versions))
        return couples, rejects

    def _versions(self, said: list[tuple[Named, str]], files: dict[str, Path]) -> tuple[tuple[Occluded, ...], list[Reject]]:
        versions: list[Occluded] = []
        rejects = []
        counts: dict[str, int] = {}
        seen = set()
        for name, image_id in sorted(said, key=lambda pair: (_natural(pair[0].variant), pair[1])):
            occluder = name.occluder or ""
            if (occluder, name.variant) in seen:
                rejects.append(Reject(self.name, image_id, occluder, "ambiguous", "another file has the same name"))
                continue
            seen.add((occluder, name.variant))
            versions.append(Occluded(files[image_id], image_id, occluder, name.variant, counts.get(occluder, 0)))
            counts[occluder] = counts.get(occluder, 0) + 1
        return tuple(versions), rejects

    def _unmatched(self, clean: dict[str, list[str]], occluded: dict[str, list[tuple[Named, str]]]) -> Iterator[Reject]:
        for name, ids in clean.items():
            if len(ids) > 1:
                detail = f"{len(ids)} clean images of this name: which one is meant?"
                yield from (Reject(self.name, image_id, "", "ambiguous", detail) for image_id in ids)
            elif name not in occluded:
                yield Reject(self.name, ids[0], "", "no-occluded", "no occluded image belongs to it")
        for name, versions in occluded.items():
            if len(clean.get(name, ())) != 1:
                detail = f"there is not exactly one clean {name}"
                yield from (Reject(self.name, image_id, said.occluder or "", "no-clean", detail) for said, image_id in versions)


class Deocclusion3DMM(NamedLayout):
    """3DMM face de-occlusion set (Yuan and Park 2019): `image_train_0001` is clean, `image_train_0001_cup1` occluded by a cup.

    Files may lie in any folders. Everybody has one number, and the names say who is for training and who for testing.
    """

    example = "image_train_0001.jpg and image_train_0001_cup1.jpg"
    licence = (
        "The face de-occlusion set of Yuan and Park (ICCV 2019) is handed out by its authors, who ask to be cited; its photographs "
        "belong to their owners. Do not redistribute photographs or pairs."
    )
    _name = re.compile(r"(image_(train|test)_[0-9]+)(?:[_-](.+))?", re.IGNORECASE)

    def read_name(self, stem: str) -> Named | None:
        """See `NamedLayout.read_name`."""
        match = self._name.fullmatch(stem)
        if match is None:
            return None
        photograph, split, rest = match[1].lower(), match[2].lower(), match[3]
        if rest is None:
            return Named(photograph, photograph, split)
        kind = re.match(r"[^\W\d_]+", rest)
        return Named(photograph, photograph, split, kind[0].lower()[:100] if kind else "imported", rest.lower()[:100])


class FaceMaskLite(NamedLayout):
    """Face Mask Lite (Kaggle): generated faces `seed0001`, the same with a drawn mask `with-mask-default-mask-seed0001`.

    They lie in the folders `without_mask` and `with_mask`, or in any others. Every face is a person.
    """

    example = "seed0001.png and with-mask-default-mask-seed0001.png"
    licence = "Face Mask Lite is published on Kaggle, whose page says its terms. Its faces were generated and are nobody's."
    _name = re.compile(r"(?:with-mask-(.+)-)?(seed[0-9]+)", re.IGNORECASE)

    def read_name(self, stem: str) -> Named | None:
        """See `NamedLayout.read_name`."""
        match = self._name.fullmatch(stem)
        if match is None:
            return None
        seed = match[2].lower()
        return Named(seed, seed) if match[1] is None else Named(seed, seed, None, "mask", match[1].lower()[:100])


def _natural(text: str) -> tuple[tuple[str, int], ...]:
    """A key that sorts `cup2` before `cup10`."""
    return tuple((word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d{0,18})", text))
