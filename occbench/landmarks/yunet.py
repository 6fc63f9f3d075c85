"""YuNet (Wu et al. 2023), by OpenCV's `FaceDetectorYN`: finds masked and turned faces that dlib misses, and gives 5 landmarks."""

import functools
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from occbench import weights
from occbench.errors import Rejected
from occbench.faces import Face, Source
from occbench.landmarks import Landmarks
from occbench.landmarks.fit import fit_five
from occbench.landmarks.subject import Box, View, choose

# Longest sides (px) that the photograph is reduced to, one after the other until the subject is found. YuNet finds faces from
# 10 px, and its points are best on faces of 50 to 100 px: measured on LFW, 224 px beat 250, 320 and 128.
_CENTRED = (224, 448)
_ANYWHERE = (320, 640, 1280)

_RULE = 1  # counts changes of the above, or of `choose` and `fit_five`: part of the signature

_SCORE = 0.6  # YuNet's confidence from which a box counts as a face
_SMALL = 48  # px: a face that was found smaller is looked at again, larger, where the photograph has the pixels


class YuNet:
    """`yunet`: the subject's 5 landmarks, fitted to 68 (warning `fitted-from-5-points`)."""

    name = "yunet"
    cacheable = True

    def __init__(self, source: Source) -> None:
        weights.find("yunet", verify=False)
        self._centred = source.centred
        rule = "centre" if source.centred else "largest"
        self.signature = f"yunet {weights.WEIGHTS['yunet'].mark} opencv {cv2.__version__} {rule} {_RULE}"

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """See `Detector.detect`."""
        height, width = image.shape[:2]
        for side in _CENTRED if self._centred else _ANYWHERE:
            view = View.of_centre(image, 1.0, side)
            boxes, fives = _detect(view)
            subject = choose(boxes, width, height, self._centred)
            if subject is None:
                continue
            box, five = boxes[subject], fives[subject]
            if (box[2] - box[0]) * view.scale[0] < _SMALL and view.scale[0] < 1:
                five = _again(image, box, five)
            return Landmarks(fit_five(five), self.signature, ("fitted-from-5-points",))
        raise Rejected("no-face", "YuNet finds no face near the centre" if self._centred else "YuNet finds no face")


def _again(image: npt.NDArray[np.uint8], box: Box, five: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The five points from a closer look at the face inside `box`; those known already where the closer look sees no face."""
    width, height = box[2] - box[0], box[3] - box[1]
    view = View.of(image, (box[0] - width, box[1] - height / 2, box[2] + width, box[3] + height / 2), _CENTRED[0])
    boxes, fives = _detect(view)
    middle = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    same = [k for k, b in enumerate(boxes) if b[0] < middle[0] < b[2] and b[1] < middle[1] < b[3]]
    return fives[max(same, key=lambda k: boxes[k][2] - boxes[k][0])] if same else five


def _detect(view: View) -> tuple[list[Box], list[npt.NDArray[np.float64]]]:
    """Face boxes (edges) and five points (5, 2) each, the image's left first, in source pixels."""
    model = _model()
    model.setInputSize((view.pixels.shape[1], view.pixels.shape[0]))
    rows = model.detect(cv2.cvtColor(view.pixels, cv2.COLOR_RGB2BGR))[1]
    found = np.empty((0, 15)) if rows is None else np.asarray(rows, dtype=np.float64)
    found = found[np.isfinite(found).all(axis=1)]  # in very narrow images OpenCV 4.11 sees things that cannot be
    middle = found[:, :2] + found[:, 2:4] / 2
    found = found[((middle > 0) & (middle < view.pixels.shape[1::-1])).all(axis=1)]
    boxes = [view.box_to_source((x, y, x + w, y + h)) for x, y, w, h in found[:, :4].tolist()]
    return boxes, [view.points_to_source(row.reshape(5, 2)) for row in found[:, 4:14]]


@functools.cache
def _model() -> Any:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # OpenCV 5 warns that its new engine takes no targets
    return cv2.FaceDetectorYN.create(str(weights.find("yunet")), "", (320, 320), _SCORE)
