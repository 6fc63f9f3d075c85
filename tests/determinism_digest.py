"""Digests of everything that must be the same bytes on every machine: one line `sha256  item` for each, on standard output.

    python tests/determinism_digest.py > here.txt

Run it under another version of OpenCV, or with vector units switched off (OPENCV_CPU_DISABLE=AVX,AVX2,FMA3,AVX512-SKX and
NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4"), and compare the outputs: they must be equal. It needs the installed package only.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib import get_data_path

from occbench.errors import Rejected
from occbench.images import decode
from occbench.landmarks import alignment
from occbench.landmarks.fit import fit_five
from occbench.landmarks.head import MESH, POINTS, FittedHead, Pose
from occbench.occluders import OCCLUDERS, Scene, create
from occbench.occluders.layer import composite
from occbench.occluders.photometry import Photometry, match, measure
from occbench.seeding import generator, random_bytes

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

# Tangents of half the yaw, pitch and roll; with them rotations are rational.
POSES = {
    "frontal": (0.0, 0.0, 0.0),
    "turned-left": (-0.414, 0.0, 0.0),  # 45 degrees
    "turned-right": (0.268, 0.05, 0.04),  # 30, 6 and 5 degrees
    "looking-up": (0.06, 0.13, -0.1),  # 7, 15 and -11 degrees
}
# 68 points of skimage.data.astronaut() (public domain, NASA), as dlib finds them.
# fmt: off
ASTRONAUT = (
    (179, 104), (179, 116), (180, 127), (181, 139), (185, 151), (191, 160), (200, 169), (209, 176), (221, 178), (232, 177),
    (243, 171), (253, 164), (260, 154), (265, 144), (268, 132), (270, 120), (272, 108), (186, 94), (192, 88), (200, 87),
    (208, 89), (216, 92), (236, 93), (244, 91), (252, 91), (260, 92), (265, 98), (225, 103), (225, 111), (225, 119),
    (225, 127), (214, 131), (219, 132), (224, 134), (229, 133), (234, 132), (195, 101), (200, 98), (207, 98), (212, 104),
    (206, 104), (199, 104), (238, 105), (244, 101), (250, 101), (255, 104), (250, 107), (244, 106), (201, 140), (209, 139),
    (218, 139), (223, 141), (229, 140), (237, 140), (245, 141), (237, 151), (229, 155), (222, 156), (216, 155), (208, 150),
    (204, 141), (217, 143), (223, 144), (229, 143), (243, 142), (229, 150), (223, 150), (217, 150),
)
# fmt: on
FIVE = ((46, 49), (83, 47), (67, 68), (50, 88), (80, 87))  # points as CelebA supplies them, made up


def posed(
    half_yaw: float,
    half_pitch: float,
    half_roll: float,
    size: int = 128,
    shift: tuple[float, float] = (0.0, 0.0),
    head: Points = POINTS,
) -> Points:
    """The average head's 68 points (68, 2) in a frame of `size` px, eyes where the aligned crop has them, rounded to 0.1 px.

    The rotations are tangents of half the angles, with the signs of `head.Pose`; `shift` moves the points, in px. Of another `head`
    (N, 3), in mm, its N points.
    """
    (cy, sy), (cp, sp), (cr, sr) = (((1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)) for t in (half_yaw, half_pitch, half_roll))
    right = (cr * cy - sr * sp * sy, -sr * cp, cr * sy + sr * sp * cy)
    down = (sr * cy + cr * sp * sy, cr * cp, sr * sy - cr * sp * cy)
    toward = (-cp * sy, sp, cp * cy)
    scale, middle = size / 128, (64 + 0.5) * size / 128 - 0.5
    pose = Pose((right, down, toward), 36 / 63 * scale, (middle + shift[0], middle - 16 * scale + shift[1]))
    points: Points = np.rint(pose.project(head)[0] * 10) / 10
    return points


def photograph() -> Pixels:
    """(512, 512, 3) uint8 RGB, the photograph that `ASTRONAUT` belongs to."""
    from skimage import data

    return np.asarray(data.astronaut(), dtype=np.uint8)


def scene(points: npt.ArrayLike, width: int, height: int, key: str, mesh: npt.ArrayLike | None = None) -> Scene:
    """A scene with noise that belongs to `key`."""
    return Scene(width, height, FittedHead(points, mesh), partial(_noise, key))


def _noise(key: str, count: int) -> Pixels:
    return random_bytes(count, 0, key, "noise")


def faces() -> Iterator[tuple[str, Pixels, Points, Points | None]]:
    """(name, clean image, points, mesh): synthetic heads over a plain gradient, and the photograph in three crops and as it is."""
    ramp = (np.arange(256)[:, None] // 2 + np.arange(256)[None, :] // 2).astype(np.uint8)
    backdrop = np.dstack([ramp, 255 - ramp, ramp[::-1]])
    for name, angles in POSES.items():
        yield name, backdrop[:128, :128], posed(*angles), None
    yield "frontal-256", backdrop, posed(*POSES["frontal"], size=256), None
    yield "five-points", backdrop[:128, :128], np.rint(fit_five(FIVE) * 10) / 10, None
    for name in ("turned-left", "turned-right"):
        bumps = np.stack([np.arange(len(MESH)) * 7 % 11 - 5, np.arange(len(MESH)) * 5 % 9 - 4], axis=1) / 2  # up to 2.5 px
        yield f"{name}-mesh", backdrop[:128, :128], posed(*POSES[name]), posed(*POSES[name], head=MESH) + bumps
    image, points = photograph(), np.array(ASTRONAUT, dtype=np.float64)
    for size in (64, 128, 200):
        matrix = alignment.crop_matrix(alignment.five_points(points), size)
        yield f"astronaut-{size}", alignment.crop(image, matrix, size, size), alignment.apply(matrix, points), None
    yield "astronaut-uncropped", image, points, None


def items(occluders: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """(item, array or plain data): a decoded JPEG, each face, and for each face, occluder and variant the parameters and pixels."""
    yield "grace_hopper decoded", decode(Path(get_data_path(), "sample_data", "grace_hopper.jpg").read_bytes())
    light = Photometry((0.9, 0.85, 0.8), 0.2, 0.8, 4.0, (180, 140, 120))
    for face, clean, points, mesh in faces():
        yield f"{face} clean", clean
        yield f"{face} points", points.round(6).tolist()
        if face.startswith("astronaut"):
            yield f"{face} photometry", measure(clean, points).to_json()
        for name in occluders:
            occluder = create(name)
            if mesh is not None and not getattr(occluder, "mesh", False):
                continue
            for variant in occluder.variants:
                key = f"{face} {name} {variant}"
                where = scene(points, clean.shape[1], clean.shape[0], key, mesh)
                try:
                    drawn = occluder.sample(generator(0, key), variant, where, occluder.ranges)
                    parameters = json.loads(json.dumps(drawn))  # as a manifest would give them back
                    layer = occluder.render(variant, parameters, where)
                except Rejected as rejected:
                    yield key, {"rejected": rejected.reason}
                    continue
                if occluder.photometric:
                    layer = match(layer, light, where.head, where.noise)
                yield f"{key} parameters", parameters
                yield f"{key} pixels", np.dstack(composite(clean, layer))


def digest(value: Any) -> str:
    """sha256 of an array (shape, type and bytes) or of plain data (canonical JSON)."""
    if isinstance(value, np.ndarray):
        data = f"{value.shape}{value.dtype}".encode() + np.ascontiguousarray(value).tobytes()
    else:
        data = json.dumps(value, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    """Print the digests; versions go to standard error."""
    parser = argparse.ArgumentParser(description="Digests of everything that must be the same bytes on every machine.")
    parser.add_argument("--occluders", default=",".join(OCCLUDERS), help="comma-separated names (default: all)")
    names = parser.parse_args().occluders.split(",")
    print(f"OpenCV {cv2.__version__}, NumPy {np.__version__}", file=sys.stderr)
    for item, value in items(names):
        print(digest(value), item)


if __name__ == "__main__":
    main()
