"""Landmark detectors on LFW and CelebA: how many faces each finds, how fast, and how far its points are from the reference's.

The reference is what every earlier tool does: dlib's detector on the whole photograph in colour, then the 68 points. Where a source
supplies five points, the detectors' eye centres, nose tips and mouth corners are compared with these too. All detectors run on the
same photograph one after the other, in one process. Processor time is counted, of all threads, so a busy machine changes little.
"""

import argparse
import sys
import time
from pathlib import Path

import common
import cv2
import dlib
import numpy as np
import numpy.typing as npt

from occbench import images, weights
from occbench.errors import InputError, Rejected, UsageError
from occbench.faces import Face, Source, open_source
from occbench.landmarks import Detector, Landmarks, create
from occbench.landmarks.alignment import five_points
from occbench.landmarks.checks import check
from occbench.landmarks.head import estimate_pose

REFERENCE = "reference: dlib, whole, colour"
DETECTORS = ("dlib", "dlib-box", "yunet", "mediapipe", "supplied", "supplied-dlib", "canonical")
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
    options = common.parser(__doc__, photos=2000)
    options.add_argument("--celeba", type=Path, default=common.SHARED / "data" / "celeba", help="CelebA (default: %(default)s)")
    options.add_argument("--only", choices=("lfw", "celeba"), help="one of the two")
    given = options.parse_args()
    cv2.setNumThreads(1)
    for name, root in (("lfw", given.root), ("celeba", given.celeba)):
        if given.only in (None, name):
            try:
                measure(open_source(name, root), given)
            except InputError as error:
                print(f"without {name}: {error}", file=sys.stderr)


def measure(source: Source, options: argparse.Namespace) -> None:
    """Run every detector that `source` allows on a spread of its photographs, and print the table."""
    detectors: dict[str, Detector | Reference] = {REFERENCE: Reference()}
    for name in DETECTORS:
        try:
            detectors[name] = create(name, source)
        except (InputError, UsageError) as error:
            print(f"{source.name} without {name}: {error}", file=sys.stderr)

    faces = list(source.faces())
    faces = faces[:: max(1, len(faces) // options.photos)][: options.photos]
    seconds = dict.fromkeys(detectors, 0.0)
    found: dict[str, dict[str, Points]] = {name: {} for name in detectors}
    for number, face in enumerate([faces[0], *faces]):
        image = images.decode(images.read_bytes(face.path))
        for name, detector in detectors.items():
            start = time.process_time()
            try:
                points = detector.detect(image, face).points
                check(points, image.shape[1], image.shape[0])
                found[name][face.image_id] = points
            except Rejected:
                pass
            if number > 0:  # the first photograph comes twice: it loads the models
                seconds[name] += time.process_time() - start
    supplied = {face.image_id: np.array(face.points) for face in faces if face.points is not None and len(face.points) == 5}
    report(source.name, len(faces), seconds, found, supplied)


def report(
    title: str, count: int, seconds: dict[str, float], found: dict[str, dict[str, Points]], supplied: dict[str, Points]
) -> None:
    yaw = {image_id: abs(estimate_pose(points).yaw) for image_id, points in found[REFERENCE].items()}
    size = np.median([np.linalg.norm(five[1] - five[0]) for five in map(five_points, found[REFERENCE].values())])
    held = [sum(low <= angle < high for angle in yaw.values()) for low, high in YAW]
    bins = [f"yaw {low}–{high}° ({n})" for (low, high), n in zip(YAW, held, strict=True)] + ["supplied 5"] * bool(supplied)
    print(f"\n{title}: {count} photographs, {size:.0f} px between the eyes; distance to the reference's points in px,")
    print("median / 95th percentile, by the reference's yaw (photographs)\n")
    print(f"| detector | found | CPU ms | times the reference's speed | {' | '.join(bins)} |")
    print("|---|---|---|---|" + "---|" * len(bins))
    for name, answers in found.items():
        cells = []
        for low, high in YAW:
            both = [i for i in answers.keys() & yaw.keys() if low <= yaw[i] < high]
            cells.append(spread([answers[i] - found[REFERENCE][i] for i in both]))
        if supplied:
            cells.append(spread([five_points(answers[i]) - supplied[i] for i in answers.keys() & supplied.keys()]))
        ratio = seconds[REFERENCE] / seconds[name]
        print(f"| {name} | {len(answers) / count:.2%} | {1e3 * seconds[name] / count:.2f} | {ratio:.1f} | {' | '.join(cells)} |")


def spread(gaps: list[Points]) -> str:
    """Median and 95th percentile of the lengths of gaps (N, 2)."""
    if not gaps:
        return "–"
    lengths = np.linalg.norm(np.concatenate(gaps), axis=1)
    return f"{np.median(lengths):.1f} / {np.percentile(lengths, 95):.1f}"


if __name__ == "__main__":
    main()
