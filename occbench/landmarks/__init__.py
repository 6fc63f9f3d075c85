"""Where the face is: detectors that give 68 points (or 5, fitted to 68), checks, head pose, the aligned crop. No drawing."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from occbench import registry
from occbench.faces import Face, Source
from occbench.landmarks.head import Rotation

DETECTORS = {
    "supplied": "occbench.landmarks.supplied:Supplied",
    "supplied-dlib": "occbench.landmarks.refined:SuppliedDlib",
    "dlib": "occbench.landmarks.dlib68:Dlib",
    "dlib-box": "occbench.landmarks.dlib68:DlibBox",
    "yunet": "occbench.landmarks.yunet:YuNet",
    "mediapipe": "occbench.landmarks.mediapipe478:MediaPipe",
    "canonical": "occbench.landmarks.canonical:Canonical",
}


@dataclass(frozen=True)
class Mesh:
    """What a detector of whole surfaces knows beyond the 68 points.

    Attributes:
        points: (len(head.MESH), 2) float64, source pixels, rounded to 0.1: where the points of `head.MESH` appear.
        rotation: of the head, the three rows of `head.Pose.rotation`, rounded to 6 decimals.
    """

    points: npt.NDArray[np.float64]
    rotation: Rotation


@dataclass(frozen=True)
class Landmarks:
    """68 points of one face.

    Attributes:
        points: (68, 2) float64, source pixels, iBUG order, rounded to 0.1.
        detector: signature of what found them, as stored in the manifest's `landmark_source` (name, version, model sha256).
        warnings: short codes for the manifest (`average-geometry`, `fitted-from-5-points`).
        mesh: what else a mesh tells, from detectors that have one.
    """

    points: npt.NDArray[np.float64]
    detector: str
    warnings: tuple[str, ...] = ()
    mesh: Mesh | None = None


class Detector(Protocol):
    """Finds the subject of a photograph.

    Attributes:
        name: registry name.
        signature: name, version and model sha256: everything that could change its answer. Part of the cache key.
        cacheable: worth keeping on disk (a detector is, arithmetic is not).
    """

    name: str
    signature: str
    cacheable: bool

    def __init__(self, source: Source) -> None: ...

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """Landmarks of the subject of `image`, (H, W, 3) uint8 RGB.

        Raises:
            Rejected: no face found, or nothing this detector can use.
        """
        ...


def default(source: Source) -> tuple[str, ...]:
    """The detectors for `source` where nobody named any: what it supplies, else dlib."""
    return ("supplied",) if source.supplies else ("dlib",)


def create(name: str, source: Source) -> Detector:
    """The detector called `name`, set up for `source` (its selection rule and mean box).

    Raises:
        UsageError: no such detector, or one that this source cannot use.
        InputError: its model file is missing; says where it was looked for.
    """
    detector: Detector = registry.load("landmarks", DETECTORS, name)(source)
    return detector
