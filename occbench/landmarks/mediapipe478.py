"""MediaPipe's face landmarker (Kartynnik et al. 2019; the tasks API): a mesh of 478 points and the head's rotation, brought to 68.

The mesh is thinned to the 68 points where dlib sees them. An eye corner is a vertex, or the middle of two. The jaw is not: dlib's
points lie on the outline, and as a head turns the outline slides over the cheek while the vertices stay. So each jaw point slides
along the mesh, with the turn of the head.
"""

import contextlib
import ctypes
import functools
import importlib.util
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench import weights
from occbench.errors import InputError, Rejected, UsageError
from occbench.faces import Face, Source
from occbench.landmarks import Landmarks, Mesh
from occbench.landmarks.subject import Box, View, choose

Array = npt.NDArray[np.float64]
Vertices = tuple[int, ...]

# What it is shown, one after the other until it finds the subject: the frame; a closer look, for its detector works on 128 × 128 px
# and needs faces of a tenth of that (the middle of the frame, or tiles of half its width); the frame with a margin around it, for
# faces that fill it (of 149 tight crops of masked faces it finds 107 without, 130 with one).
_SIDE = 1280  # px, the longest of a view: plenty, as its landmarks come from 256 × 256 px of the face
_CLOSER = 0.6  # of the frame
_TILES = 3  # a side
_FACES = 8  # found at a time, at most
_LIBRARIES = ("libEGL.so.1", "libGLESv2.so.2")  # that MediaPipe 1.2 is linked against on Linux
_RULE = 1  # counts changes of the above, of the tables below, or of `choose`: part of the signature

# Vertices whose mean is nearest to each of dlib's points on LFW, right jaw to left: where that side turns away from the camera,
# where the face looks at it, and where it turns towards it. Chosen on every other of 13,185 photographs and their mirror images
# among all single vertices and pairs; on the rest they are 1.6 px (median) from dlib's points, with 41 px between the eyes.
_JAW: tuple[tuple[Vertices, Vertices, Vertices], ...] = (
    ((143, 111), (127,), (127,)), ((116, 123), (234, 137), (234, 93)), ((147, 123), (93, 132), (132,)), ((213,), (58, 132), (58,)),
    ((214,), (172, 138), (172,)), ((169, 135), (136,), (136, 150)), ((149, 170), (149,), (149,)), ((148,), (148, 176), (176, 148)),
    ((152,), (152,), (152,)),
    ((377,), (377, 400), (400, 377)), ((378, 395), (378,), (378,)), ((394, 364), (365,), (365, 379)), ((434,), (397, 367), (397,)),
    ((433,), (288, 361), (288,)), ((376, 352), (323, 361), (361,)), ((345, 352), (454, 366), (454, 323)),
    ((372, 340), (356,), (356,)),
)  # fmt: skip
_TURN = 0.5  # sine of the yaw at which the first or the third is reached
# The same for the other points, from the right brow to the inner lips: they stay on the mesh.
_INNER: tuple[Vertices, ...] = (
    (70, 124), (105, 70), (105, 66), (66, 107), (55, 107), (285, 336), (296, 336), (334, 296), (334, 300), (300, 353),
    (193, 417), (6, 195), (197, 4), (4, 1), (240,), (238, 167), (164, 94), (458, 393), (460,),
    (246, 25), (246, 158), (159, 173), (233, 157), (26, 144), (23, 7), (453, 384), (386, 398), (466, 385), (466, 255), (253, 249),
    (256, 373),
    (61,), (40, 73), (72, 37), (11,), (302, 267), (270, 303), (291,), (319, 406), (314,), (17,), (84,), (89, 182),
    (146, 183), (82,), (13,), (312,), (375, 407), (317, 316), (14, 15), (87, 86),
)  # fmt: skip
# The vertices of `head.MESH`, in its order.
_MESH = (
    170, 395, 215, 435, 175, 207, 427, 234, 454, 48, 278, 140, 369, 136, 365, 19, 101, 330, 239, 459, 171, 396,
)  # fmt: skip


class MediaPipe:
    """`mediapipe`: the subject's mesh, brought to 68 points; its pose, and vertices that masks follow, come with them."""

    name = "mediapipe"
    cacheable = True

    def __init__(self, source: Source) -> None:
        if importlib.util.find_spec("mediapipe") is None:
            raise UsageError("The detector mediapipe needs a package that is not installed: pip install 'occbench[mediapipe]'.")
        weights.find("mediapipe-face", verify=False)
        _check_libraries()
        self._centred = source.centred
        rule = "centre" if source.centred else "largest"
        mark = weights.WEIGHTS["mediapipe-face"].mark
        self.signature = f"mediapipe {metadata.version('mediapipe')} {mark} {rule} {_RULE}"

    def detect(self, image: npt.NDArray[np.uint8], face: Face) -> Landmarks:
        """See `Detector.detect`.

        Raises:
            InputError: the package or its model cannot be loaded.
        """
        height, width = image.shape[:2]
        for views, margin in _looks(image, self._centred):
            found = [seen for view in views for seen in _detect(view, margin)]
            boxes: list[Box] = [(*mesh.min(axis=0).tolist(), *mesh.max(axis=0).tolist()) for mesh, _ in found]
            subject = choose(boxes, width, height, self._centred)
            if subject is not None:
                mesh, rotation = found[subject]
                right, down, towards = (tuple(row) for row in rotation.round(6).tolist())
                extra = Mesh(np.rint(mesh[list(_MESH)] * 10) / 10, (right, down, towards))
                return Landmarks(thin(mesh, rotation), self.signature, mesh=extra)
        raise Rejected("no-face", "MediaPipe finds no face near the centre" if self._centred else "MediaPipe finds no face")


def _check_libraries() -> None:
    """Refuse a machine on which MediaPipe cannot be loaded, before anything is made: many servers have no graphics libraries."""
    for library in _LIBRARIES if sys.platform == "linux" else ():
        try:
            ctypes.CDLL(library)
        except OSError as error:
            raise InputError(
                f"The detector mediapipe needs the system's libraries {' and '.join(_LIBRARIES)}, also without a graphics card "
                f"({error}). Debian and Ubuntu have them in the packages libegl1 and libgles2."
            ) from None


def thin(mesh: Array, rotation: Array) -> Array:
    """The 68 points (68, 2) where dlib would see them, of a mesh (478, 2) in pixels and the head's `rotation` (3, 3)."""
    middle = np.stack([mesh[list(vertices)].mean(axis=0) for vertices in _INNER])
    turn = float(np.clip(rotation[0, 2] / _TURN, -1, 1))  # towards the image's right: the subject's right side shows
    jaw = []
    for number, places in enumerate(_JAW):
        away, level, towards = (mesh[list(vertices)].mean(axis=0) for vertices in places)
        shown = turn if number < 8 else -turn
        jaw.append(level + abs(shown) * ((towards if shown > 0 else away) - level))
    return np.concatenate([jaw, middle])


def _looks(image: npt.NDArray[np.uint8], centred: bool) -> Iterator[tuple[list[View], bool]]:
    """Views to search together, and whether with a margin."""
    whole = View.of_centre(image, 1.0, _SIDE)
    yield [whole], False
    if centred:
        yield [View.of_centre(image, _CLOSER, _SIDE)], False
    else:
        height, width = image.shape[:2]
        corners = [(x * width / (2 * _TILES - 2), y * height / (2 * _TILES - 2)) for y in range(_TILES) for x in range(_TILES)]
        yield [View.of(image, (x, y, x + width / 2, y + height / 2), _SIDE) for x, y in corners], False
    yield [whole], True


def _detect(view: View, margin: bool) -> list[tuple[Array, Array]]:
    """The faces in a view: mesh (478, 2) in source pixels, and rotation (3, 3) as in `head.Pose`."""
    model = _model(os.getpid())  # first, as it says what is wrong where the package cannot be imported
    import mediapipe

    pixels, offset = view.pixels, (0, 0)
    if margin:
        offset = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.pad(pixels, [(offset[1],) * 2, (offset[0],) * 2, (0, 0)], constant_values=127)
    answer = model.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))
    found = []
    for points, matrix in zip(answer.face_landmarks, answer.facial_transformation_matrixes, strict=True):
        normalised = np.array([(p.x, p.y) for p in points])
        mesh = view.points_to_source(normalised * pixels.shape[1::-1] - 0.5 - offset)
        rotation = np.asarray(matrix, dtype=np.float64)[:3, :3] * _FLIP
        if np.isfinite(mesh).all() and np.isfinite(rotation).all():
            found.append((mesh, rotation))
    return found


_FLIP = np.array([(1, -1, 1), (-1, 1, -1), (1, -1, 1)])  # from MediaPipe's axes, whose y points up, to ours on both sides


@functools.cache
def _model(_process: int) -> Any:
    """The landmarker of this process: its threads do not survive a fork."""
    try:
        from mediapipe import Image, ImageFormat
        from mediapipe.tasks.python import BaseOptions, vision

        base = BaseOptions(
            model_asset_path=str(weights.find("mediapipe-face")),
            delegate=BaseOptions.Delegate.CPU,
        )
        options = vision.FaceLandmarkerOptions(base_options=base, num_faces=_FACES, output_facial_transformation_matrixes=True)
        with _silent():
            model = vision.FaceLandmarker.create_from_options(options)
            model.detect(Image(image_format=ImageFormat.SRGB, data=np.zeros((128, 128, 3), np.uint8)))
    except (ImportError, OSError, RuntimeError) as error:
        raise InputError(f"MediaPipe cannot be loaded: {error}. `occbench doctor` shows what is installed.") from error
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(model))  # kept for ever: closing it while Python ends fails in MediaPipe 1.2
    return model


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Standard error leads nowhere: while MediaPipe starts it greets there from C++, whatever its log level is."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
