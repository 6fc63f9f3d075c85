"""The average face, placed where the faces of an aligned source lie on average: for photographs in which nothing else works."""

import numpy as np
import numpy.typing as npt

from occbench.errors import UsageError
from occbench.faces import Face, Source
from occbench.landmarks import Landmarks, head

# The box of dlib's detector around the average head that faces the camera: its side, and its middle in head coordinates, mm. From
# 13,194 photographs of LFW; placed so, the head is 3.8 px (median) and 15 px (95th percentile; jaw 20) from dlib's points there.
_SIDE, _MIDDLE = 161.5, (-2.5, 29.3)


class Canonical:
    """`canonical`: average geometry in the source's mean face box (warning `average-geometry`). Blind to the photograph."""

    name = "canonical"
    cacheable = False
    signature = "canonical"

    def __init__(self, source: Source) -> None:
        if source.mean_box is None:
            raise UsageError(
                f"canonical needs aligned photographs, and the source {source.name!r} knows no mean face box: leave it out."
            )
        self._box = source.mean_box

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """See `Detector.detect`; it never rejects."""
        height, width = image.shape[:2]
        left, top, right, bottom = self._box
        scale = ((right - left) * width + (bottom - top) * height) / (2 * _SIDE)
        middle = ((left + right) / 2 * width - 0.5, (top + bottom) / 2 * height - 0.5)
        return Landmarks((head.POINTS[:, :2] - _MIDDLE) * scale + middle, self.signature, ("average-geometry",))
