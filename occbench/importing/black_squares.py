"""LFW photographs with a black square pasted on, and the user's own LFW as the clean ones."""

import re
from pathlib import Path, PurePosixPath

from occbench.errors import InputError
from occbench.faces import Face, open_source
from occbench.importing import Couple, Layout, Occluded
from occbench.importing.files import folder, photographs
from occbench.manifest.schema import Reject

_NAME = re.compile(r"((.+)_[0-9]{4})(?:_(.+))?")


class BlackSquares(Layout):
    """LFW photographs with black squares of 10×10, 15×10, 15×15 or 20×20 px (`--root`), and your own LFW (`--clean`).

    `Aaron_Eckhart_0001_occ_15.jpg`, or without the ending, in any folders; the mask is found as the square. People and splits are
    LFW's own.
    """

    find_mask = "square"
    centred = True
    licence = (
        "Labeled Faces in the Wild is published for research; its photographs come from news sites and belong to their owners. "
        "Do not redistribute photographs, crops or pairs."
    )

    def __init__(self, name: str, root: Path | None = None, clean: Path | None = None) -> None:
        super().__init__(name)
        self.root = folder(root, "root", name)
        self._lfw = open_source("lfw", folder(clean, "clean", name))
        self.mean_box = self._lfw.mean_box or self.mean_box

    def couples(self) -> tuple[list[Couple], list[Reject]]:
        """See `Layout.couples`."""
        faces = {face.image_id.partition("/")[2]: face for face in self._lfw.faces()}
        versions: dict[str, list[Occluded]] = {}
        rejects = []
        for image_id, path in photographs(self.root).items():
            said = _NAME.fullmatch(PurePosixPath(image_id).stem)
            if said is None:
                detail = "files of this layout are called like Aaron_Eckhart_0001_occ_15.jpg"
                rejects.append(Reject(self.name, image_id, "", "unknown-name", detail))
            elif said[1] not in faces:
                rejects.append(Reject(self.name, image_id, "black-box", "no-clean", f"no {said[1]} in this copy of LFW"))
            else:
                same = versions.setdefault(said[1], [])
                same.append(Occluded(path, image_id, "black-box", (said[3] or "square")[:100], len(same)))
        if not versions:
            raise InputError(
                f"No pairs at {self.root} or below: looked for names like Aaron_Eckhart_0001_occ_15.jpg, of photographs that are "
                "in the LFW that --clean names."
            )
        couples = [Couple(self._ours(faces[name]), tuple(same)) for name, same in versions.items()]
        return sorted(couples, key=lambda couple: couple.face.image_id), rejects

    def _ours(self, face: Face) -> Face:
        return Face(self.name, face.image_id, face.path, face.identity, face.split, warnings=face.warnings)
