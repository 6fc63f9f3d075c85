"""MeGlass (Guo, Zhu, Lei and Li 2018): faces of MegaFace with and without black-rimmed glasses, and a list that says which."""

import re
from pathlib import Path, PurePosixPath

from occbench.errors import InputError
from occbench.faces import Face
from occbench.importing import Layout, Sighting
from occbench.importing.files import folder, photographs, splits
from occbench.manifest.schema import Reject

_META = "meta.txt"
_LISTS = ("gallery_black_glass", "gallery_no_glass", "probe_black_glass", "probe_no_glass")
_PERSON = re.compile(r"([^@/]+@[^@/]+)@[^@/]+")
_MAX_BYTES = 1 << 26


class MeGlass(Layout):
    """MeGlass: `meta.txt` (file name, 1 = glasses) and the photographs, in any folder below the root.

    The official test lists hold all its people, so the split is by identity hash; a photograph's list is kept as an attribute.
    """

    paired = False
    licence = (
        "MeGlass is published for research; its photographs are taken from MegaFace and belong to their owners. Do not "
        "redistribute photographs or crops."
    )

    def __init__(self, name: str, root: Path | None = None) -> None:
        super().__init__(name)
        self.root = folder(root, "root", name)
        self._meta = next((place / _META for place in (self.root, self.root.parent) if (place / _META).is_file()), None)
        if self._meta is None:
            raise InputError(f"No MeGlass at {self.root}: looked for {_META} there and in the folder above.")

    def sightings(self) -> tuple[list[Sighting], list[Reject]]:
        """See `Layout.sightings`."""
        assert self._meta is not None
        labels = _labels(self._meta)
        lists = self._lists()
        files = {image_id: path for image_id, path in photographs(self.root).items() if "samples" not in image_id.split("/")[:-1]}
        said: dict[str, tuple[str, str]] = {}
        rejects = []
        for image_id in files:
            file = PurePosixPath(image_id)
            person = _PERSON.fullmatch(file.stem)
            if person is None or file.name not in labels:
                rejects.append(Reject(self.name, image_id, "", "unknown-name", f"{_META} does not list it"))
            else:
                said[image_id] = (person[1], file.name)
        if not said:
            raise InputError(f"No MeGlass at {self.root}: none of the photographs below is listed in {self._meta}.")
        there = {name for _, name in said.values()}
        rejects += [
            Reject(self.name, name, "", "source-missing", "listed, and not there") for name in sorted(labels) if name not in there
        ]
        settled = splits(((who, None) for who, _ in said.values()), str(self.root))
        found = []
        for image_id, (who, name) in said.items():
            attributes = {"black_eyeglasses": labels[name], **({"test_list": lists[name]} if name in lists else {})}
            face = Face(self.name, image_id, files[image_id], who, settled[who], attributes=attributes)
            found.append(Sighting(face, "glasses" if labels[name] else "neutral"))
        return found, rejects

    def _lists(self) -> dict[str, str]:
        """File name to the official test list that it is in."""
        assert self._meta is not None
        paths = {name: self._meta.parent / "test" / f"{name}.txt" for name in _LISTS}
        return {line: name for name, path in paths.items() if path.is_file() for line in _lines(path)}


def _labels(path: Path) -> dict[str, int]:
    """File name to 1 (glasses) or 0."""
    labels = {}
    for number, line in enumerate(_lines(path), 1):
        name, _, label = line.rpartition(" ")
        if not name or label not in ("0", "1"):
            raise InputError(f"{path}, line {number}: a file name and 0 or 1 are needed, not {line[:80]!r}.")
        labels[name] = int(label)
    return labels


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES + 1)
        if len(text) > _MAX_BYTES:
            raise InputError(f"{path} is larger than {_MAX_BYTES} bytes, so hardly a list of MeGlass.")
        return [line.strip() for line in text.decode("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}.") from error
