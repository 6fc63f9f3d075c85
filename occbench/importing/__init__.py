"""Other people's data under our manifests: layouts of paired and of natural sets, one module each, and what is made of them."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from occbench import registry, weights
from occbench.errors import InputError, UsageError
from occbench.faces import SOURCES, Face
from occbench.manifest.schema import Reject

LAYOUTS = {
    "paired": "occbench.importing.paired:Paired",
    "3dmm-deocclusion": "occbench.importing.named:Deocclusion3DMM",
    "face-mask-lite": "occbench.importing.named:FaceMaskLite",
    "lfw-black-squares": "occbench.importing.black_squares:BlackSquares",
    "natural": "occbench.importing.natural:NaturalFolder",
    "rof": "occbench.importing.rof:ROF",
    "meglass": "occbench.importing.meglass:MeGlass",
}

# Where the face lies in an aligned crop (`landmarks.alignment`), as dlib's detector would draw its box.
_ALIGNED = (0.132, 0.149, 0.853, 0.87)


@dataclass(frozen=True, slots=True)
class Occluded:
    """An occluded version of a photograph.

    Attributes:
        path: of its file.
        name: the same, as the layout calls it: stored in the manifest.
        occluder, variant, index: as in the manifest.
        mask: file of its mask, or None: then the mask is found.
    """

    path: Path
    name: str
    occluder: str
    variant: str
    index: int
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class Couple:
    """A clean photograph and its occluded versions."""

    face: Face
    occluded: tuple[Occluded, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A photograph without a counterpart; `kind` is one of `manifest.natural.KINDS`."""

    face: Face
    kind: str


class Layout:
    """How somebody's data lie on the disk. To detectors it is a source of photographs.

    Attributes:
        paired: it gives `Couple`s; otherwise `Sighting`s.
        find_mask: how masks are found where none are given: `difference` or `square`.
        licence: one sentence on the terms, for the card.
        name: what the manifest calls the source.
        centred, mean_box, supplies: as in `faces.Source`.
    """

    paired: ClassVar[bool] = True
    find_mask: ClassVar[str] = "difference"
    licence = "Somebody else's data: its publisher knows the terms, and they hold for everything that is made of it."
    centred = False
    mean_box: tuple[float, float, float, float] | None = _ALIGNED
    supplies = False

    def __init__(self, name: str) -> None:
        self.name = name

    def couples(self) -> tuple[list[Couple], list[Reject]]:
        """The pairs, sorted by image id, and every file that belongs to none.

        Raises:
            InputError: the layout is not what it should be; says what was looked for, where, and what to do.
        """
        raise NotImplementedError

    def sightings(self) -> tuple[list[Sighting], list[Reject]]:
        """The photographs, sorted by image id, and what cannot be used; raises as `couples`."""
        raise NotImplementedError

    def faces(self) -> Iterator[Face]:
        """See `faces.Source`."""
        entries = self.couples()[0] if self.paired else self.sightings()[0]
        return (entry.face for entry in entries)

    def locate(self, image_id: str) -> Path:
        """See `faces.Source`."""
        raise NotImplementedError


def open_layout(layout: str, name: str | None = None, **options: Path | None) -> Layout:
    """A layout on this machine.

    Args:
        layout: registry name.
        name: what manifests will call the source; default the layout's name.
        options: folders and files; those that are None count as not given.

    Raises:
        UsageError: no such layout, an option that it lacks, or a name that no manifest holds or a source of `occbench synth` has.
        InputError: no usable folder.
    """
    kind = registry.load("layouts", LAYOUTS, layout)
    if name is not None and not (name.isprintable() and 1 <= len(name) <= 200):
        raise UsageError(f"--name {name[:60]!r}: a source is called by 1 to 200 characters that can be printed.")
    if (name or layout) in registry.names("sources", SOURCES):
        raise UsageError(f"--name {name}: that is a source of `occbench synth`, and imported pairs cannot be made again by it.")
    known = list(inspect.signature(kind).parameters)[1:]
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    for option in given:
        if option not in known:
            listing = ", ".join(f"--{key}" for key in known)
            raise UsageError(f"The layout {layout!r} has no --{option}; it is described by {listing}.")
    opened: Layout = kind(name or layout, **given)
    return opened


def detectors() -> tuple[str, ...]:
    """Who looks for faces by default: `yunet` where its weights are, then `dlib`."""
    try:
        weights.find("yunet", verify=False)
    except InputError:
        return ("dlib",)
    return ("yunet", "dlib")
