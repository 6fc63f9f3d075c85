"""Hands before the face: over the mouth, at the cheek, a fist, a fist under the chin, two fingers on the lips.

A pose is a channel texture drawn by `assets/hands/draw.py` on a plane that stands in the head, so that it turns with the face. The
plane's last row is the sleeve, which goes on for ever: an arm always leaves the frame.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.landmarks.head import Pose
from occbench.occluders import Parameters, Scene, textures
from occbench.occluders.layer import Layer, over
from occbench.occluders.paint import MARGIN, Colour, choose, colourise, contact_shadow, jitter, stored
from occbench.occluders.surface import Array, Surface, draw

_YAW = 60  # degrees; beyond, a flat hand is seen too much from the side
_SLEEVES: list[tuple[Colour, float]] = [
    ((44, 46, 54), 4), ((30, 32, 36), 3), ((52, 62, 92), 3), ((104, 106, 112), 2), ((214, 216, 220), 2), ((120, 42, 46), 1),
    ((84, 100, 84), 1), ((150, 128, 100), 1), ((126, 152, 190), 1),
]  # fmt: skip


@dataclass(frozen=True)
class Rigid:
    """Places a thing that keeps its shape whatever the face: its own coordinates in mm, from a pivot pixel on.

    Attributes:
        pose: rotation and scale, and the pivot as origin.
    """

    pose: Pose

    def place(self, xyz: npt.ArrayLike) -> tuple[Array, Array]:
        """Pixels (N, 2), snapped to 1/256 px, and depth in mm (N,) of points (N, 3)."""
        pixels, depth = self.pose.project(np.asarray(xyz, dtype=np.float64).reshape(-1, 3))
        return np.rint(pixels * 256) / 256, depth


class Hand:
    """See the module. Parameters, all stored in the manifest:

    `right` (it is at the image's right), `size` (factor), `turn` (tangent of the angle by which it is turned, positive when its
    fingers lean inwards), `in` (mm towards the middle of the face), `up` (mm), `skin` and `sleeve` (R, G, B).
    """

    name = "hand"
    variants: Mapping[str, float] = {"over-mouth": 0.35, "fist": 0.2, "on-lips": 0.15, "under-chin": 0.15, "on-cheek": 0.15}
    photometric = True
    ranges: Mapping[str, tuple[float, float]] = {
        "right": (0.5, 0.5),  # chance of a hand at the image's right; faces turned by more than 15 degrees use the near side
        "size": (0.9, 1.06),
        "turn": (-0.2, 0.2),
        "in": (-5.0, 5.0),
        "up": (-4.0, 4.0),
    }

    def sample(self, rng: np.random.Generator, variant: str, scene: Scene, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
        """Draw the parameters of one hand.

        Raises:
            Rejected: a face turned beyond 60 degrees.
        """
        yaw = scene.head.pose.yaw
        refuse_profiles(yaw, "hands")
        drawn = {key: round(float(rng.uniform(*ranges[key])), 4) for key in self.ranges}
        right = float(rng.random()) < drawn.pop("right")
        return {"right": yaw < 0 if abs(yaw) > 15 else right, **drawn, **skin_and_sleeve(rng, scene)}

    def render(self, variant: str, parameters: Parameters, scene: Scene) -> Layer:
        """The hand over its contact shadow.

        Raises:
            Rejected: nothing of it falls into the frame.
        """
        _, facts = textures.load("hands", variant)
        mirror = -1.0 if parameters["right"] else 1.0
        x, y, z = facts["at"]
        pivot = scene.head.place([(mirror * (x + parameters["in"]), y - parameters["up"], z)])[0][0]
        head = scene.head.pose
        pose = Pose(head.rotation, head.scale * parameters["size"], (float(pivot[0]), float(pivot[1])))
        layer = hand(variant, _turned(pose, mirror * parameters["turn"]), parameters, scene)
        return over(layer, contact_shadow(layer, head.scale, reach=6.0, drop=4.0, strength=80))


def refuse_profiles(yaw: float, what: str) -> None:
    """Raise `Rejected` for a face that is turned too far for a thing held before it."""
    if abs(yaw) > _YAW:
        raise Rejected("pose", f"the face is turned by {yaw:.0f} degrees; {what} need at most {_YAW}")


def skin_and_sleeve(rng: np.random.Generator, scene: Scene) -> Parameters:
    """Colours of a hand that fits the person: `skin` and `sleeve`."""
    return {"skin": jitter(rng, scene.skin, 3), "sleeve": jitter(rng, choose(rng, _SLEEVES))}


def hand(pose_name: str, pose: Pose, parameters: Parameters, scene: Scene) -> Layer:
    """One hand, without a shadow.

    Args:
        pose_name: of the texture.
        pose: takes the texture's plane (mm from its anchor, x right, y down) into the image.
        parameters: `right` (mirrored), `skin`, `sleeve`.
        scene: gives frame and light.

    Raises:
        Rejected: nothing of it falls into the frame.
    """
    texture, facts = textures.load("hands", pose_name)
    height, width = texture.rgba.shape[:2]
    scale, (anchor_x, anchor_y) = facts["scale"], facts["anchor"]
    mirror = -1.0 if parameters["right"] else 1.0

    # The part of the plane that the frame shows; below the texture its last row goes on.
    (a, b, _), (c, d, _) = ([pose.scale * v for v in row] for row in pose.rotation[:2])
    det = a * d - b * c
    if abs(det) <= 0.05 * pose.scale * pose.scale:  # or has no size
        raise Rejected("pose", "the hand is seen from its edge")
    xs, ys = (-MARGIN, scene.width + MARGIN), (-MARGIN, scene.height + MARGIN)
    corners = np.array([(x, y) for x in xs for y in ys]) - pose.origin
    seen_x = mirror * (d * corners[:, 0] - b * corners[:, 1]) / det + anchor_x
    seen_y = (a * corners[:, 1] - c * corners[:, 0]) / det + anchor_y
    left, right = max(0.0, float(seen_x.min())), min(width / scale, float(seen_x.max()))
    top, bottom = max(0.0, float(seen_y.min())), float(seen_y.max())
    if left >= right or top >= bottom:
        raise Rejected("outside", "the hand lies outside the frame")

    x = np.array([left, right] if mirror > 0 else [right, left])
    grid = np.zeros((2, 2, 3))
    grid[..., 0] = mirror * (x - anchor_x)
    grid[..., 1] = np.array([[top], [bottom]]) - anchor_y
    region = (x[0] * scale / width, top * scale / height, x[1] * scale / width, bottom * scale / height)
    layer = draw([Surface(grid, texture, steps=(1, 1), region=region)], Rigid(pose))
    if layer is None:
        raise Rejected("hidden", "the hand faces away from the camera")
    skin = stored(parameters["skin"])
    # The texture's shade of flesh is about 0.8. Hands are a little grayer than cheeks; nails and knuckles are pinker.
    flesh = np.minimum((skin * 7 + int(skin.sum()) // 3) * 124 // 800, 255)
    pink = np.minimum(flesh * (108, 97, 100) // 100, 255)
    return colourise(layer, stored(parameters["sleeve"]), flesh, pink, side=mirror * scene.side, warm=0.15)


def _turned(pose: Pose, tangent: float) -> Pose:
    """A pose after a turn in the plane of x and y, clockwise by the angle of this tangent."""
    cos = 1 / math.sqrt(1 + tangent * tangent)
    sin = tangent * cos
    right, down, towards = ((x * cos + y * sin, y * cos - x * sin, z) for x, y, z in pose.rotation)
    return Pose((right, down, towards), pose.scale, pose.origin)
