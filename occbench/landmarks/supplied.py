"""What the source itself says about where the face is: 68 points, 5 points, or a box."""

import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected, UsageError
from occbench.faces import Face, Source
from occbench.landmarks import Landmarks
from occbench.landmarks.fit import fit_five
from occbench.landmarks.subject import Box

# Face boxes mostly reach from the hairline to the chin. dlib's are square, from the brows to the chin, this many times wider
# (measured against YuNet's boxes in LFW).
_WIDER = 1.13
_FARTHEST = 1e5  # px, as the manifest allows landmarks: a source's files may say anything


class Supplied:
    """`supplied`: 68 points as they are; 5 fitted to 68 (warning `fitted-from-5-points`); in a box, what dlib's predictor finds."""

    name = "supplied"
    cacheable = False
    signature = "supplied"

    def __init__(self, source: Source) -> None:
        if not source.supplies:
            raise UsageError(f"The source {source.name!r} supplies no landmarks and no boxes: choose another detector.")

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """See `Detector.detect`."""
        if face.points is not None:
            points = np.array(face.points, dtype=np.float64)
            if not (np.abs(points) <= _FARTHEST).all():  # not for NaN
                raise Rejected("bad-geometry", f"supplied points that are not within {_FARTHEST:.0f} px")
            if points.shape == (68, 2):
                return Landmarks(points, self.signature)
            if points.shape == (5, 2):
                return Landmarks(fit_five(points), f"{self.signature} 5 points", ("fitted-from-5-points",))
            raise Rejected("no-landmarks", f"{len(face.points)} supplied points: 68 or 5 are needed")
        if face.box is not None:
            return self._inside(image, face.box)
        raise Rejected("no-landmarks", f"the source {face.source!r} supplies neither points nor a box for this photograph")

    def _inside(self, image: npt.NDArray[np.uint8], box: Box) -> Landmarks:
        height, width = image.shape[:2]
        left, top, right, bottom = box
        if not (all(abs(edge) <= _FARTHEST for edge in box) and left < right and top < bottom):
            raise Rejected("no-landmarks", f"the supplied box is empty, or not within {_FARTHEST:.0f} px")
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise Rejected("no-landmarks", "the supplied box lies outside the photograph")
        from occbench.landmarks import dlib68  # here, so that points alone can be used without dlib

        side, middle = min(_WIDER * (right - left), bottom - top), (left + right) / 2
        square = (middle - side / 2, bottom - side, middle + side / 2, bottom)
        return Landmarks(dlib68.predict(image, square), f"{self.signature} box, {dlib68.MODEL}")
