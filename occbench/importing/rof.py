"""Real World Occluded Faces (Erakın, Demir and Ekenel 2021): one folder a kind, in it one folder a person."""

from pathlib import Path

from occbench.faces import Face
from occbench.importing import Layout, Sighting
from occbench.importing.files import folder, photographs, splits
from occbench.importing.natural import beside
from occbench.manifest.schema import Reject

_KINDS = {"masked": "_wearing_mask", "sunglasses": "_wearing_sunglasses", "neutral": ""}


class ROF(Layout):
    """Real World Occluded Faces: `masked/NAME_wearing_mask/000001.jpg`, `sunglasses/NAME_wearing_sunglasses/…`, `neutral/NAME/…`.

    The folder `images` that its download script makes, or the one above it. One person has one split across the three kinds.
    """

    paired = False
    licence = (
        "Real World Occluded Faces is published for research as lists of links; its photographs belong to their owners. Do not "
        "redistribute photographs or crops."
    )

    def __init__(self, name: str, root: Path | None = None) -> None:
        super().__init__(name)
        advice = "The repository itself holds only links (.pkl files): run its download.py first, then name the folder `images`."
        root = folder(root, "root", name)
        # The folders of links have the same names as those of photographs.
        self.root = root / "images" if (root / "images").is_dir() else beside(root, tuple(_KINDS), "ROF", advice)

    def sightings(self) -> tuple[list[Sighting], list[Reject]]:
        """See `Layout.sightings`."""
        files = photographs(self.root)
        said: dict[str, tuple[str, str]] = {}
        rejects = []
        for image_id in files:
            kind, _, rest = image_id.partition("/")
            if kind not in _KINDS or rest.count("/") != 1:
                detail = "not in the folder of a person in masked, sunglasses or neutral"
                rejects.append(Reject(self.name, image_id, "", "unknown-name", detail))
            else:
                said[image_id] = (rest.partition("/")[0].removesuffix(_KINDS[kind]), kind)
        settled = splits(((who, None) for who, _ in said.values()), str(self.root))
        found = [
            Sighting(Face(self.name, image_id, files[image_id], who, settled[who]), kind) for image_id, (who, kind) in said.items()
        ]
        return found, rejects
