"""What every earlier tool does, once per output image, in one process: the reference that `synth_speed.py` measures against.

Decode the photograph, find the face with dlib on the colour photograph (upsampled once, as MaskTheFace and its descendants do),
68 points, warp a flat mask picture by one homography, blend, write a PNG at the default compression level.
"""

from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt

from occbench import weights

_ANCHORS = (1, 3, 5, 8, 11, 13, 15, 29)  # jaw from ear to ear, and the bridge of the nose


def _mask_picture() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """A flat mask, (400, 600, 4) uint8 BGRA, and where the anchors lie on it."""
    picture = np.zeros((400, 600, 4), np.uint8)
    outline = np.array([(20, 40), (300, 0), (580, 40), (560, 260), (430, 390), (170, 390), (40, 260)], np.int32)
    cv2.fillPoly(picture, [outline], (214, 186, 140, 255))
    for y in range(120, 300, 45):
        cv2.line(picture, (40, y), (560, y), (196, 168, 122, 255), 4)
    anchors = np.array([(20, 40), (30, 180), (60, 280), (300, 392), (540, 280), (570, 180), (580, 40), (300, 0)], np.float32)
    return picture, anchors


class Chain:
    """The chain with its models loaded.

    Args:
        upsample: how often dlib's detector doubles the photograph before it looks for faces of at least 80 px.
    """

    def __init__(self, upsample: int = 1) -> None:
        self._upsample = upsample
        self._detect = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(weights.find("dlib68")))
        self._picture, self._anchors = _mask_picture()

    def __call__(self, photograph: Path, out: Path) -> bool:
        """Make one masked image; False where no face is found."""
        image = cv2.imread(str(photograph))
        assert image is not None, photograph
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        faces = self._detect(rgb, self._upsample)
        if not faces:
            return False
        shape = self._points(rgb, max(faces, key=lambda box: box.area()))
        target = np.array([(shape.part(k).x, shape.part(k).y) for k in _ANCHORS], np.float32)
        homography, _ = cv2.findHomography(self._anchors, target)
        height, width = image.shape[:2]
        warped = cv2.warpPerspective(self._picture, homography, (width, height))
        alpha = warped[..., 3:].astype(np.float32) / 255
        blended = warped[..., :3] * alpha + image * (1 - alpha)
        return bool(cv2.imwrite(str(out), blended.astype(np.uint8)))
