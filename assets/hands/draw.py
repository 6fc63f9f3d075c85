"""Draw the hand textures: `python -m occbench.assets.hands.draw [FOLDER]`.

A hand is sculpted as a height field: limbs are chains of spheres, the surface is what of them is nearest to the camera, and
shading, creases and nails follow from it. The channels of a texture are what colours are mixed from (see
`occbench/occluders/paint.py`): R shade under light from above the camera, G how far the surface faces the image's right (128 = not
at all), B ink (0 sleeve, 128 skin, up to 255 reddened skin and nails), A alpha. The sleeve leaves through the bottom edge, straight
down, so that repeating the last row prolongs it. All hands are the subject's right; coordinates are mm, x to the right and y down
in the image, z towards the camera.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from occbench.assets.hands.sculpture import FLOOR, SCALE, Joint, Sculpture, smooth


def turned(joints: Sequence[Joint], degrees: float, about: tuple[float, float] = (0.0, 0.0)) -> list[Joint]:
    """Joints turned clockwise in the image."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ax, ay = about
    return [(ax + c * (x - ax) - s * (y - ay), ay + s * (x - ax) + c * (y - ay), z, r) for x, y, z, r in joints]


# The back of the hand with the fingers up: wrist at the origin, thumb at the left. Knuckles of index to little finger.
KNUCKLES = [(-27.0, -84.0, 0.0, 11.5), (-8.0, -89.0, 3.0, 12.0), (11.0, -85.0, 2.0, 11.3), (28.0, -75.0, -2.0, 10.2)]
PHALANGES = [(45.0, 26.0, 19.0), (50.0, 30.0, 20.0), (46.0, 28.0, 20.0), (36.0, 20.0, 18.0)]
RADII = [(9.6, 8.4, 7.4), (9.9, 8.7, 7.6), (9.4, 8.2, 7.2), (8.3, 7.2, 6.4)]


def back(c: Sculpture, bend: float) -> None:
    """Back of the hand from the wrist to the knuckles, with its tendons."""
    roots = ((-15.0, 0.0), (-5.0, 0.0), (5.0, 0.0), (15.0, 0.0))
    for (x, y), (kx, ky, kz, kr) in zip(roots, KNUCKLES, strict=True):
        c.flesh(turned([(x, y, -4, 16.5), (0.5 * (x + kx), 0.5 * ky, -2, 14.5), (kx, ky, kz, kr)], bend), 10)
    c.flesh(turned([(-14, -6, -8, 16), (-30, -40, -8, 14), (-31, -72, -4, 12)], bend), 10)
    c.flesh(turned([(14, -6, -8, 16), (29, -38, -8, 13), (31, -66, -5, 11)], bend), 10)
    for kx, ky, _, _ in KNUCKLES:
        cord = c.sweep(turned([(0.25 * kx, -8, 20, 3.2), (kx, ky, 24, 3.2)], bend))
        ridge = np.clip(1 - cord.across * cord.across, 0, 1) * (cord.height > FLOOR)
        c.relief[cord.part] += 0.9 * ridge * smooth(8, 34, cord.along) * smooth(88, 66, cord.along)


def straight(k: int, lean: float, curl: float, bend: float, *, dive: float = 0.0) -> list[Joint]:
    """Joints of finger `k`, pointing up.

    Args:
        k: 0 the index finger, 3 the little one.
        lean: degrees clockwise.
        curl: degrees that each phalanx points farther away from the camera than the one before.
        bend: degrees that the whole hand is turned clockwise.
        dive: degrees that the first phalanx points away from the camera.
    """
    joints: list[Joint] = [KNUCKLES[k]]
    x, y, z, _ = KNUCKLES[k]
    angle = dive
    for length, radius in zip(PHALANGES[k], RADII[k], strict=True):
        flat, away = length * math.cos(math.radians(angle)), length * math.sin(math.radians(angle))
        x, y, z = x + flat * math.sin(math.radians(lean)), y - flat * math.cos(math.radians(lean)), z - away
        joints.append((x, y, z, radius))
        angle += curl
    return turned(joints, bend)


Pose = tuple[Sculpture, tuple[float, float]]  # and the point of it that is put on the face


def over_mouth() -> Pose:
    """Fingers side by side across the mouth."""
    bend = 54.0
    c = Sculpture(-75, -160, 165, 120)
    c.arm(0, 0, -4, 1)
    back(c, bend)
    c.finger(turned([(-18, -24, -6, 15), (-42, -55, 2, 12), (-50, -86, 2, 10), (-49, -108, -2, 8.2)], bend), root=16)
    for k, lean in ((3, -5.0), (2, -2.0), (1, 0.5), (0, 3.5)):
        c.finger(straight(k, lean, 10, bend, dive=4))
    x, y, _, _ = turned([(0, -108, 0, 0)], bend)[0]
    return c, (x, y)


def on_cheek() -> Pose:
    """A cheek in the palm, fingers up along the face, seen from the side of the little finger."""
    c = Sculpture(-70, -205, 80, 120, spin=34)
    c.arm(0, 0, -4, 2, width=23)
    back(c, 3)
    for k, lean in ((0, -1.0), (1, 0.0), (2, 1.5), (3, 6.0)):
        c.finger(straight(k, lean, 19, 3, dive=6))
    return c, (12.0, -62.0)


def fist() -> Pose:
    """A fist before the mouth: first phalanges one above the other, the thumb on top."""
    c = Sculpture(-85, -65, 65, 180)
    c.arm(-34, 66, -20, 3)
    for y, root in ((-24.0, -16.0), (-6.0, -5.0), (13.0, 5.0), (29.0, 14.0)):
        c.flesh([(-34 + 0.7 * root, 54, -18, 15), (-32, 0.5 * y + 28, -8, 15), (-24, y, 4, 12)], 12)
    c.flesh([(-42, 52, -20, 15), (-48, 18, -14, 15), (-42, -16, -8, 13)], 12)
    c.finger([(-50, 8, -8, 14), (-42, -26, 0, 12), (-12, -37, 6, 10.4), (12, -35, 4, 8.6)], root=18)
    for k, (y, x) in enumerate(((-21.0, 17.0), (-3.0, 20.0), (14.5, 17.0), (30.0, 11.0))):
        r = RADII[k]
        knuckle = (-24.0, y + 1.5, 6.0, r[0] + 2)
        c.finger([knuckle, (x, y - 1, 17, r[0] + 0.4), (x + 4, y, -8, r[1]), (x - 8, y, -24, r[2])], nail=False, root=12, bent=True)
    return c, (-2.0, -12.0)


def under_chin() -> Pose:
    """A chin on a fist: folded fingers side by side, seen from the palm, the thumb across below them."""
    c = Sculpture(-65, -45, 65, 195)
    c.arm(0, 92, -8, 4)
    for x in (-24.0, -8.0, 8.0, 23.0):
        c.flesh([(0.6 * x, 84, -8, 17), (x, 30, -6, 15), (x, -4, -16, 13)], 12)
    c.flesh([(14, 78, -4, 17), (25, 45, 0, 17), (28, 18, 0, 13)], 12)
    for k, x in enumerate((-28.0, -9.5, 9.0, 25.5)):
        r, y = RADII[k], (-14.0, -18.0, -15.0, -8.0)[k]
        knuckle, joint = (x, y + 8, -30, r[0] + 2), (x, y, 4, r[0] + 0.8)
        folded: list[Joint] = [knuckle, joint, (0.97 * x, y + 29 - k, 12, r[1] + 0.4), (0.95 * x, y + 40, -2, r[2])]
        c.finger(folded, nail=False, root=0, bent=True)
    c.finger([(-26, 68, -2, 17), (-38, 42, 10, 13), (-18, 24, 22, 10.8), (4, 20, 22, 9)], root=16)
    return c, (0.0, -24.0)


def on_lips() -> Pose:
    """Index and middle finger over the lips, the others folded."""
    c = Sculpture(-65, -200, 60, 110)
    c.arm(0, 0, -4, 5)
    back(c, 0)
    c.finger([(-18, -24, -6, 15), (-40, -52, 4, 12), (-34, -82, 12, 10.4), (-20, -100, 12, 8.6)], root=16)
    c.finger(straight(3, 4, 75, 0, dive=48), nail=False, bent=True)
    c.finger(straight(2, 2, 75, 0, dive=45), nail=False, bent=True)
    for k, lean in ((1, -2.0), (0, 3.0)):
        c.finger(straight(k, lean, 6, 0, dive=0))
    return c, (-15.0, -138.0)


def around(k: int, y: float, radius: float, start: float, rise: float) -> list[Joint]:
    """Joints of finger `k` around an upright cylinder: first knuckle at `start` degrees from straight ahead, climbing by `rise`."""
    r0 = (11.5, 12.0, 11.3, 10.2)[k]
    joints, angle = [], math.radians(start)
    for length, r in zip((0.0, *PHALANGES[k]), (r0, *RADII[k]), strict=True):
        reach = radius + r
        angle += length / reach
        y -= rise * length
        joints.append((reach * math.sin(angle), y, reach * math.cos(angle), r))
    return joints


def wrapped() -> Pose:
    """Four fingers around a cup of 40 mm radius that stands at the origin."""
    c = Sculpture(-132, -60, 60, 190)
    c.arm(-84, 72, -32, 6)
    rows = (-31.0, -11.5, 8.0, 25.5)
    for y, (wx, wy) in zip(rows, ((-92.0, 58.0), (-86.0, 62.0), (-80.0, 66.0), (-74.0, 70.0)), strict=True):
        c.flesh([(wx, wy, -30, 17), (0.5 * (wx - 52), 0.5 * (y + wy), -12, 14.5), (-51, y, 2, 12)], 10)
    c.flesh([(-95, 54, -34, 15), (-78, 8, -26, 14), (-60, -26, -16, 12)], 12)
    for k in (3, 2, 1, 0):
        c.finger(around(k, rows[k], 40, -84 + (0, -2, 0, 5)[k], 0.10), root=9)
    return c, (0.0, 0.0)


# How a pose is sculpted, and where on the head (mm) its anchor lies for a hand at the image's left.
POSES: dict[str, tuple[Callable[[], Pose], tuple[float, float, float]]] = {
    "over-mouth": (over_mouth, (4, 71, 38)),
    "on-cheek": (on_cheek, (-56, 71, 8)),
    "fist": (fist, (0, 70, 44)),
    "under-chin": (under_chin, (0, 94, 34)),
    "on-lips": (on_lips, (0, 74, 34)),
    "wrapped": (wrapped, (0, 0, 0)),
}


def draw(name: str) -> tuple[npt.NDArray[np.uint8], dict[str, object]]:
    """Texture (H, W, 4) uint8 and the JSON content of one pose."""
    pose, at = POSES[name]
    sculpture, anchor = pose()
    facts = {
        "channels": ["shade", "side", "ink", "alpha"],
        "scale": SCALE,
        "at": at,
        "anchor": [round(anchor[0] - sculpture.left, 2), round(anchor[1] - sculpture.top, 2)],
    }
    return sculpture.render(), facts


def main(folder: Path) -> None:
    """Write all textures and their facts into `folder`."""
    for name in POSES:
        texture, facts = draw(name)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(texture, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        (folder / f"{name}.json").write_text(json.dumps(facts, separators=(",", ":")) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
