"""dlib: its frontal face detector (HOG, King 2015) and 68-point predictor (regression trees, Kazemi and Sullivan 2014)."""

import functools
from typing import Any

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from occbench import weights
from occbench.errors import Rejected, UsageError
from occbench.faces import Face, Source
from occbench.landmarks import Landmarks
from occbench.landmarks.subject import Box, View, choose

# What the detector is shown, one after the other until it finds the subject: (share of the frame, longest side in px, gray).
# It finds faces of 80 px and more. Over the 13,233 photographs of LFW the first finds 99.0 % of the subjects, in a fifth of the
# time that the whole photograph in colour takes, with points as good; the second brings it to 99.6 %, the third to 99.7 %. Without
# a centred subject each look is finer than the one before, so the largest face comes first. Photographs of at most half a side are
# doubled.
_CENTRED = ((0.6, 112, True), (1.0, 250, False), (1.0, 500, False))
_ANYWHERE = ((1.0, 320, True), (1.0, 640, True), (1.0, 1280, False))
_RULE = 1  # counts changes of the above, or of `choose`: part of the signature, so that no cache gives old answers

MODEL = f"dlib {dlib.__version__} {weights.WEIGHTS['dlib68'].mark}"  # what could change the 68 points of a given box

_FACE = 256  # px: larger faces are reduced to this width, as the predictor compares single pixels


class Dlib:
    """`dlib`: detects the subject's face, then its 68 points."""

    name = "dlib"
    cacheable = True

    def __init__(self, source: Source) -> None:
        weights.find("dlib68", verify=False)
        self._centred = source.centred
        self.signature = f"{MODEL} {'centre' if source.centred else 'largest'} {_RULE}"

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """See `Detector.detect`."""
        height, width = image.shape[:2]
        for share, side, gray in _CENTRED if self._centred else _ANYWHERE:
            view = View.of_centre(image, share, side)
            pixels = cv2.cvtColor(view.pixels, cv2.COLOR_RGB2GRAY) if gray else view.pixels
            found = _detector()(pixels, int(2 * max(pixels.shape[:2]) <= side))
            boxes = [view.box_to_source((r.left(), r.top(), r.right() + 1, r.bottom() + 1)) for r in found]
            subject = choose(boxes, width, height, self._centred)
            if subject is not None:
                return Landmarks(predict(image, boxes[subject]), self.signature)
        raise Rejected("no-face", "dlib finds no face near the centre" if self._centred else "dlib finds no face")


class DlibBox:
    """`dlib-box`: the 68-point predictor inside the source's mean face box, without a detector, for aligned photographs."""

    name = "dlib-box"
    cacheable = True

    def __init__(self, source: Source) -> None:
        if source.mean_box is None:
            raise UsageError(
                f"dlib-box needs aligned photographs, and the source {source.name!r} knows no mean face box: leave it out."
            )
        weights.find("dlib68", verify=False)
        self._box = source.mean_box
        self.signature = f"{MODEL} box {' '.join(f'{edge:.3f}' for edge in source.mean_box)}"

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """See `Detector.detect`; it never rejects."""
        height, width = image.shape[:2]
        left, top, right, bottom = self._box
        return Landmarks(predict(image, (left * width, top * height, right * width, bottom * height)), self.signature)


def predict(image: npt.NDArray[np.uint8], box: Box) -> npt.NDArray[np.float64]:
    """The 68 points (68, 2), source pixels, of the face of `image` (H, W, 3) uint8 RGB inside `box` (edges, source pixels).

    The box is meant as dlib's detector draws it: square, from the brows to the chin.

    Raises:
        InputError: no model file.
    """
    width = box[2] - box[0]
    if width > _FACE:
        view = View.of(image, (box[0] - width, box[1] - width, box[2] + width, box[3] + width), 3 * _FACE)
    else:
        view = View(np.ascontiguousarray(image), 0, 0, (1.0, 1.0))
    left, top, right, bottom = (round(edge) for edge in view.box_from_source(box))
    shape = _predictor()(view.pixels, dlib.rectangle(left, top, right - 1, bottom - 1))
    return view.points_to_source([(p.x, p.y) for p in shape.parts()])


@functools.cache
def _detector() -> Any:
    return dlib.get_frontal_face_detector()


@functools.cache
def _predictor() -> Any:
    return dlib.shape_predictor(str(weights.find("dlib68")))
