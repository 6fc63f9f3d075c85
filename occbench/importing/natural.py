"""Any tree of photographs of really occluded faces."""

from pathlib import Path, PurePosixPath

from occbench.errors import InputError
from occbench.faces import Face
from occbench.importing import Layout, Sighting
from occbench.importing.files import SPLIT_WORDS, folder, photographs, splits, stem
from occbench.manifest.schema import Reject

# What people call the folders of a kind.
KIND_WORDS = {
    **dict.fromkeys(("masked", "mask", "masks", "with_mask", "facemask"), "masked"),
    **dict.fromkeys(("sunglasses", "sunglass", "shades"), "sunglasses"),
    **dict.fromkeys(("glasses", "eyeglasses", "with_glasses"), "glasses"),
    **dict.fromkeys(("occluded", "occlusion", "occ"), "occluded"),
    **dict.fromkeys(("neutral", "clean", "unmasked", "without_mask", "no_glasses", "non_occluded"), "neutral"),
}


class NaturalFolder(Layout):
    """Any folder: sub-folders called `masked`, `sunglasses`, `glasses`, `neutral`, ... say the kind, `train` and `test` the split.

    Any other folder that a photograph lies in is named after the person; without one, the file is. Photographs in no folder of a
    kind count as `occluded`.
    """

    paired = False
    licence = "Photographs of the user's own folder: its owner knows their terms, and must have the consent of the people in them."

    def __init__(self, name: str, root: Path | None = None) -> None:
        super().__init__(name)
        self.root = folder(root, "root", name)

    def sightings(self) -> tuple[list[Sighting], list[Reject]]:
        """See `Layout.sightings`."""
        files = photographs(self.root)
        said = {image_id: self._read(image_id) for image_id in files}
        settled = splits(((who, split) for who, split, _, _ in said.values()), str(self.root))
        found = []
        for image_id, (who, _, kind, warnings) in said.items():
            face = Face(self.name, image_id, files[image_id], who, settled[who], warnings=warnings)
            found.append(Sighting(face, kind))
        return found, []

    def _read(self, image_id: str) -> tuple[str, str | None, str, tuple[str, ...]]:
        """Identity, split if any, kind, warnings."""
        folders = PurePosixPath(image_id).parts[:-1]
        above = (self.root.name, *folders)  # the root itself may be called "masked"
        kind = next((KIND_WORDS[word.lower()] for word in reversed(above) if word.lower() in KIND_WORDS), "occluded")
        split = next((SPLIT_WORDS[word.lower()] for word in folders if word.lower() in SPLIT_WORDS), None)
        people = [word for word in folders if word.lower() not in KIND_WORDS and word.lower() not in SPLIT_WORDS]
        return (people[-1], split, kind, ()) if people else (stem(image_id), split, kind, ("identity-from-filename",))


def beside(root: Path, names: tuple[str, ...], layout: str, advice: str) -> Path:
    """The folder that holds folders of these names: `root`, or one directly below it.

    Raises:
        InputError: none does.
    """
    for candidate in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
        if any((candidate / name).is_dir() for name in names):
            return candidate
    raise InputError(f"No {layout} at {root}: looked for the folders {', '.join(names)} there and one level below. {advice}")
