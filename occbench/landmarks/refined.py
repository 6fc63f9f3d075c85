"""From points that a source supplies to dlib's 68: its predictor in the box that the points imply, so no face has to be detected.

Distances to the points after dlib's own detection, in eye distances, median and 95th percentile: in 481 photographs of CelebA,
from five points, 0.02 and 0.06 (jaw 0.03 and 0.10); the fit of `supplied` there has 0.04 and 0.23 (jaw 0.13 and 0.34). In 379
of LFW, from YuNet's five points, 0.02 and 0.05 instead of 0.09 and 0.26.
"""

import math

import numpy as np
import numpy.typing as npt

from occbench import weights
from occbench.errors import Rejected
from occbench.faces import Face, Source
from occbench.landmarks import Landmarks
from occbench.landmarks.alignment import five_points
from occbench.landmarks.checks import check
from occbench.landmarks.dlib68 import MODEL, predict
from occbench.landmarks.head import estimate_pose
from occbench.landmarks.subject import Box
from occbench.landmarks.supplied import Supplied

# The box of dlib's detector around a head in any pose: its side, and its middle in head coordinates, mm. Sides from 146 to 162 do
# about as well.
_SIDE, _MIDDLE = 155.0, (-2.5, 29.3, 0.0)

# Mean distance of eyes, nose and mouth corners from where the source has them, mm. Five points of another detector, which means
# other places by them, are 6 mm away (YuNet in LFW; 99 % below 13); average points, blind to the photograph, up to 20.
_DOUBTFUL, _ELSEWHERE = 14.0, 20.0


class SuppliedDlib:
    """`supplied-dlib`: dlib's 68 points where the source's points (or box) say that the face is, without a detector.

    Rejects a face that it then sees elsewhere, so `supplied-dlib,supplied` falls back to what the source says. A smaller
    disagreement is the warning `landmarks-disagree`.
    """

    name = "supplied-dlib"
    cacheable = False  # the answer depends on more than the photograph

    def __init__(self, source: Source) -> None:
        weights.find("dlib68", verify=False)
        self._supplied = Supplied(source)
        self.signature = f"supplied-dlib {MODEL}"

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """See `Detector.detect`."""
        known = self._supplied.detect(image, face)
        if face.points is None:  # a box: `supplied` asks dlib's predictor already
            return known
        height, width = image.shape[:2]
        check(known.points, width, height)
        box, scale = _box(known.points)
        points = predict(image, box)
        apart = [math.hypot(x, y) for x, y in (five_points(points) - five_points(known.points)).tolist()]
        gap = math.fsum(apart) / (len(apart) * scale)
        if gap > _ELSEWHERE:
            raise Rejected("landmarks-disagree", f"dlib's points lie {gap:.0f} mm from the supplied ones")
        return Landmarks(points, self.signature, ("landmarks-disagree",) if gap > _DOUBTFUL else ())


def _box(points: npt.NDArray[np.float64]) -> tuple[Box, float]:
    """Edges of the box that dlib's detector would draw around these 68 points (68, 2), and pixels per millimetre of the head."""
    pose = estimate_pose(points)
    (x, y), half = pose.project(np.array([_MIDDLE]))[0][0].tolist(), _SIDE / 2 * pose.scale
    return (x + 0.5 - half, y + 0.5 - half, x + 0.5 + half, y + 0.5 + half), pose.scale
