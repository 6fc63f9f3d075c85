"""Which photographs are meant, what is made of them is called, and the masks that belong to them.

A name is the photograph's path below the folder that was given, without its suffix; where two would be equal (or differ by case
alone), the suffix stays, and then a number follows.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from occbench import images
from occbench.errors import InputError, Rejected, UsageError
from occbench.faces.files import id_of, locate
from occbench.faces.folder import Folder
from occbench.restoration import Image

SHEET, MASKS, FEATURES = "sheet", "masks", "features"  # names that occbench itself needs in the output folder

_LONGEST = 200  # bytes of a file's name without its suffix
_ALPHA = (4, 6)  # colour types of PNG with transparency


@dataclass(frozen=True)
class Item:
    """One photograph.

    Attributes:
        source: the INPUT that it came with.
        image_id: its path below that (of a file, its name).
        path: where it is.
        name: of what is made of it, relative, with forward slashes, without suffix.
    """

    source: str
    image_id: str
    path: Path
    name: str


def collect(inputs: Sequence[Path], out: Path | None) -> list[Item]:
    """The photographs that `inputs` name: files as they are, folders with all photographs below them, sorted. Each once.

    What lies in `out`, where there is one, is left out of folders: it was made here.

    Raises:
        UsageError: `out` is one of the folders.
        InputError: an input that is not there, or a folder without photographs.
    """
    found: dict[str, tuple[str, str, Path]] = {}
    target = None if out is None else out.resolve()
    for given in inputs:
        if given.is_dir():
            if given.resolve() == target:
                raise UsageError(f"{out} holds the photographs themselves: choose another folder for --out.")
            faces = [face for face in Folder(given).faces() if target is None or not face.path.resolve().is_relative_to(target)]
            if not faces:
                made = "" if out is None else f", but for those that lie in {out}, which were made here"
                raise InputError(f"No photographs in {given} or below{made}.")
            rows = [(face.image_id, face.path) for face in faces]
        elif os.path.lexists(given):
            rows = [(id_of(given.name), given)]
        else:
            raise InputError(f"{given} is not there: name photographs, or folders of photographs.")
        for image_id, path in rows:
            found.setdefault(os.path.abspath(path), (str(given), image_id, path))  # noqa: PTH100 - links keep their names
    names = _names([image_id for _, image_id, _ in found.values()])
    return [Item(*row, name) for row, name in zip(found.values(), names, strict=True)]


def mark(files: Iterable[tuple[str, Path | None]]) -> str:
    """What tells files from others: how many, and a hash of names, sizes and times of change.

    Instead of their content: reading everything again would take as long as using it.

    Args:
        files: name, and where it is; None where it is known to be missing. What is not there has no size and no time.
    """
    digest, count = hashlib.sha256(), 0
    for name, path in files:
        count += 1
        digest.update(f"{name}\n".encode("utf-8", "surrogatepass"))
        try:
            status = None if path is None else path.stat()
        except OSError:  # a link that leads nowhere
            status = None
        if status is not None:
            digest.update(f" {status.st_size} {status.st_mtime_ns}\n".encode())
    return f"{count} (names, sizes, times {digest.hexdigest()[:16]})"


def mask_of(item: Item, folder: Path) -> Path:
    """The mask of a photograph in a folder of masks.

    Raises:
        Rejected: `no-mask`.
    """
    try:
        return locate(folder, f"{item.name}.png")
    except InputError as error:
        raise Rejected("no-mask", f"no mask: {error}") from None


def read_mask(path: Path, photo: Image) -> Image:
    """The mask of a photograph, (H, W) uint8.

    Raises:
        Rejected: `bad-mask`: unreadable, in colour, with transparency, or of another size than the photograph.
    """
    try:
        data = images.read_bytes(path)
        mask = images.decode(data)
    except Rejected as rejected:
        raise Rejected("bad-mask", f"{path}: {rejected.detail}") from None
    if data.startswith(b"\x89PNG") and data[25] in _ALPHA:
        raise Rejected("bad-mask", f"{path} has transparency: save it as gray, 255 = occluded")
    if (mask != mask[..., :1]).any():
        raise Rejected("bad-mask", f"{path} is in colour: save it as gray, 255 = occluded")
    if mask.shape != photo.shape:
        (h, w), (height, width) = mask.shape[:2], photo.shape[:2]
        raise Rejected("bad-mask", f"{path} has {w}×{h} pixels, its photograph {width}×{height} (upright)")
    return mask[..., 0]


def _names(image_ids: Sequence[str]) -> list[str]:
    """A name for each image id: no two the same, also where case is ignored, and none that occbench needs itself."""
    stems = [_safe(str(PurePosixPath(image_id).with_suffix(""))) for image_id in image_ids]
    often = Counter(stem.casefold() for stem in stems)
    taken = {SHEET}
    names = []
    for stem, image_id in zip(stems, image_ids, strict=True):
        alone = often[stem.casefold()] == 1 and stem.casefold() not in taken
        plain = name = stem if alone else _safe(image_id)
        number = 1
        while name.casefold() in taken or (name != stem and name.casefold() in often):
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _safe(path: str) -> str:
    """A relative path whose parts are legal file names, and not in the folders of masks and features."""
    parts = [part if len(os.fsencode(part)) <= _LONGEST else _cut(part) for part in path.split("/")]
    if len(parts) > 1 and parts[0].casefold() in (MASKS, FEATURES):
        parts[0] += "_"
    return "/".join(parts)


def _cut(part: str) -> str:
    """The beginning of a name that is too long, and a hash of all of it."""
    data = part.encode()
    return f"{data[: _LONGEST - 9].decode(errors='ignore')}-{hashlib.sha256(data).hexdigest()[:8]}"
