"""Where faces come from: one module a source, each yielding `Face` records and checking its own layout. No pixels here."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from occbench import registry
from occbench.errors import UsageError

SOURCES = {
    "lfw": "occbench.faces.lfw:LFW",
    "celeba": "occbench.faces.celeba:CelebA",
    "vggface2": "occbench.faces.vggface2:VGGFace2",
    "folder": "occbench.faces.folder:Folder",
    "sample": "occbench.faces.sample:Sample",
}


@dataclass(frozen=True, slots=True)
class Face:
    """One photograph of one person.

    Attributes:
        source: registry name of the source.
        image_id: unique inside the source, relative, with forward slashes; `Source.locate` turns it into a path.
        path: where the file lies on this machine (never stored).
        identity: unique inside the source.
        split: `train`, `val` or `test`.
        points: supplied 68×2 or 5×2 landmarks in source pixels, as nested tuples (x, y), or None.
        box: supplied face box (left, top, right, bottom) in source pixels, or None.
        attributes: what the source says about the photograph, JSON-able, or None.
        warnings: short codes that its pairs carry in the manifest.
    """

    source: str
    image_id: str
    path: Path
    identity: str
    split: str
    points: tuple[tuple[float, float], ...] | None = None
    box: tuple[float, float, float, float] | None = None
    attributes: dict[str, Any] | None = None
    warnings: tuple[str, ...] = field(default=())


class Source(Protocol):
    """A set of photographs on disk.

    Attributes:
        name: registry name.
        centred: the subject is the face nearest the centre (LFW); otherwise the largest face is taken.
        mean_box: the subject's mean face box as dlib's detector draws it, (left, top, right, bottom) as fractions of width and
            height, where the source is aligned; None where it is not. `dlib-box` and `canonical` need it.
        supplies: its records carry landmarks or boxes, so that the detector `supplied` can be used.
        licence: one sentence on the terms of the photographs, for data cards.
    """

    name: str
    centred: bool
    mean_box: tuple[float, float, float, float] | None
    supplies: bool
    licence: str

    def faces(self) -> Iterator[Face]:
        """All photographs, sorted by image id, each once.

        Raises:
            InputError: the layout is not what it should be; says what was looked for, where, and what to do.
        """
        ...

    def locate(self, image_id: str) -> Path:
        """The file of one photograph.

        Raises:
            InputError: an image id that leaves the root, or no such file.
        """
        ...


def open_source(name: str, root: Path | None, **options: Any) -> Source:
    """The source called `name` over the folder `root` (None only for sources that bring their own photographs).

    Args:
        name: registry name.
        root: the folder.
        options: of this source; and `exclude_identities`, which all have: a file that lists people to leave out (`Without`).

    Raises:
        UsageError: no such source, or an option it does not have.
        InputError: no usable folder at `root`.
    """
    kind = registry.load("sources", SOURCES, name)
    known = list(inspect.signature(kind).parameters)[1:]
    unwanted = options.pop("exclude_identities", None)
    for option in options:
        if option not in known:
            has, *others = (f"--{key.replace('_', '-')}" for key in (option, *known, "exclude_identities"))
            raise UsageError(f"The source {name!r} has no {has}, only {' and '.join(others)}.")
    source: Source = kind(root, **options)
    if unwanted is None:
        return source
    from occbench.faces.without import Without  # which needs this module

    return Without(source, Path(unwanted))
