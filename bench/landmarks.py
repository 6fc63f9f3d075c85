"""Landmark detectors on LFW: how many faces each finds, how fast, and how far its points are from dlib's.

The reference is what every earlier tool does: dlib's detector on the whole photograph in colour, then the 68 points. All run on the
same photograph one after the other, in one process, so that the ratios hold on a busy machine too.
"""

import sys
import time

import common
import cv2
import dlib
import numpy as np
import numpy.typing as npt

from occbench import images, weights
from occbench.errors import InputError, Rejected
from occbench.faces import Face, open_source
from occbench.landmarks import Detector, Landmarks, create
from occbench.landmarks.checks import check
from occbench.landmarks.head import estimate_pose

REFERENCE = "reference: dlib, whole, colour"
YAW = ((0, 15), (15, 30), (30, 90))

Points = npt.NDArray[np.float64]


class Reference:
    """dlib as earlier tools call it; the face nearest the centre."""

    def __init__(self) -> None:
        self._detector, self._predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(weights.find("dlib68")))

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """See `Detector.detect`."""
        height, width = image.shape[:2]
        boxes = self._detector(image)
        if not boxes:
            raise Rejected("no-face", "the reference finds no face")
        box = min(boxes, key=lambda b: (b.left() + b.right() - width) ** 2 + (b.top() + b.bottom() - height) ** 2)
        return Landmarks(np.array([(p.x, p.y) for p in self._predictor(image, box).parts()], dtype=np.float64), REFERENCE)


def main() -> None:
    options = common.parser(__doc__, photos=2000).parse_args()
    cv2.setNumThreads(1)
    source = open_source("lfw", options.root)
    detectors: dict[str, Detector | Reference] = {REFERENCE: Reference()}
    for name in ("dlib", "dlib-box", "yunet", "canonical"):
        try:
            detectors[name] = create(name, source)
        except InputError as error:
            print(f"without {name}: {error}", file=sys.stderr)

    faces = list(source.faces())
    faces = faces[:: max(1, len(faces) // options.photos)][: options.photos]
    seconds = dict.fromkeys(detectors, 0.0)
    found: dict[str, dict[str, Points]] = {name: {} for name in detectors}
    for number, face in enumerate([faces[0], *faces]):
        image = images.decode(images.read_bytes(face.path))
        for name, detector in detectors.items():
            start = time.perf_counter()
            try:
                points = detector.detect(image, face).points
                check(points, image.shape[1], image.shape[0])
                found[name][face.image_id] = points
            except Rejected:
                pass
            if number > 0:  # the first photograph comes twice: it loads the models
                seconds[name] += time.perf_counter() - start
    report(len(faces), seconds, found)


def report(count: int, seconds: dict[str, float], found: dict[str, dict[str, Points]]) -> None:
    yaw = {image_id: abs(estimate_pose(points).yaw) for image_id, points in found[REFERENCE].items()}
    bins = " | ".join(f"yaw {low}–{high}°" for low, high in YAW)
    print(f"{count} photographs; distance to the reference's points in px, median / 95th percentile\n")
    print(f"| detector | found | ms | times the reference's speed | {bins} |")
    print("|---|---|---|---|" + "---|" * len(YAW))
    for name, answers in found.items():
        cells = []
        for low, high in YAW:
            both = [i for i in answers.keys() & yaw.keys() if low <= yaw[i] < high]
            gaps = np.concatenate([np.linalg.norm(answers[i] - found[REFERENCE][i], axis=1) for i in both] or [np.array([np.nan])])
            cells.append(f"{np.median(gaps):.1f} / {np.percentile(gaps, 95):.1f}")
        ratio = seconds[REFERENCE] / seconds[name]
        print(f"| {name} | {len(answers) / count:.2%} | {1e3 * seconds[name] / count:.2f} | {ratio:.1f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
