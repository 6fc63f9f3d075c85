"""Cups before mouth and chin: paper cups with lid and sleeve, mugs, drinking glasses, travel mugs; held by a hand or alone.

A cup is a body of revolution in millimetres that touches the lips with its rim, its axis turned up and forwards as one drinks. It
keeps its shape whatever the face; its texture and profile are drawn by `assets/cups/draw.py`, the hand by `assets/hands/draw.py`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from occbench.errors import Rejected
from occbench.landmarks.head import Pose
from occbench.occluders import Parameters, Scene, textures
from occbench.occluders.hand import Rigid, hand, refuse_profiles, skin_and_sleeve
from occbench.occluders.layer import Layer, over
from occbench.occluders.paint import Colour, choose, colourise, contact_shadow, jitter, stored, within
from occbench.occluders.region import CIRCLE
from occbench.occluders.surface import Array, Surface, Texture, draw

_LIPS = (0.0, 65.0, 27.0)  # mm: where a rim touches, the middle of the upper lip
_PALM = 40.0  # mm: radius of the cup that the hand's texture holds

_WHITE, _BLACK, _KRAFT, _COFFEE = (238, 238, 234), (34, 33, 35), (178, 134, 92), (58, 34, 22)
_STYLES: dict[str, list[tuple[str, float]]] = {
    "paper": [("paper-sleeve", 3), ("paper-sleeve-mark", 3), ("paper-mark", 2), ("paper-letters", 2), ("paper-open", 2)],
    "mug": [("mug", 4), ("mug-bands", 1.5), ("mug-heart", 1)],
    "glass": [("glass-clear", 1), ("glass-filled", 2)],
    "tumbler": [("tumbler", 2), ("tumbler-steel", 1)],
}
# What cups are made of, by style or variant: (trim, main, second), see the textures.
_PALETTES: dict[str, list[tuple[Colour, Colour, Colour]]] = {
    "paper": [
        (_WHITE, _WHITE, _KRAFT), (_BLACK, _WHITE, _KRAFT), (_WHITE, _WHITE, (40, 98, 70)), (_BLACK, _WHITE, (52, 50, 50)),
        ((72, 48, 36), _KRAFT, (110, 76, 52)), (_WHITE, (176, 40, 44), (228, 214, 190)), (_BLACK, (46, 62, 84), (196, 178, 150)),
    ],
    "paper-open": [(_WHITE, (186, 34, 40), _COFFEE), (_WHITE, (42, 74, 150), _COFFEE), (_WHITE, _WHITE, _COFFEE)],
    "mug": [
        ((170, 44, 48), _WHITE, _COFFEE), ((40, 66, 120), _WHITE, _COFFEE), (_BLACK, (226, 216, 196), _COFFEE),
        (_WHITE, _BLACK, _COFFEE), (_WHITE, (168, 38, 40), _COFFEE), (_WHITE, (44, 74, 128), _COFFEE),
        (_WHITE, (60, 104, 84), (112, 60, 24)), ((96, 62, 34), (214, 166, 68), _COFFEE), (_WHITE, (118, 132, 142), (112, 60, 24)),
    ],
    "tumbler": [
        (_BLACK, (62, 66, 72), _WHITE), (_BLACK, (40, 60, 96), _WHITE), (_BLACK, (140, 38, 44), _WHITE), (_BLACK, _WHITE, _BLACK),
        ((44, 46, 50), (70, 116, 110), _WHITE),
    ],
    "tumbler-steel": [(_BLACK, (196, 198, 202), (90, 92, 98)), ((52, 54, 60), (176, 180, 186), _BLACK)],
}  # fmt: skip
_DRINKS: list[tuple[Colour, float]] = [
    ((62, 34, 22), 3), ((222, 140, 44), 3), ((206, 142, 52), 2), ((150, 84, 34), 2), ((236, 230, 218), 1), ((116, 28, 40), 1),
]  # fmt: skip


class Cup:
    """See the module. Parameters, all stored in the manifest:

    `style` (texture), `trim`, `main`, `second` (R, G, B), `wide` and `tall` (factors), `tilt` (tangent of the angle by which its
    foot comes forwards, 0 upright, 1 drinking), `lean` (tangent of the sideways angle), `gap` (mm between rim and lips), `lift` (mm
    up), `hand` (it is held), `right` (the hand is at the image's right and a handle opposite; without a hand, the handle), `grip`
    (how far down the hand is, as a share of the height), `size` (factor of the hand), `spin` (tangent of the angle by which a
    handle comes forwards), `skin`, `sleeve` (R, G, B).
    """

    name = "cup"
    variants: Mapping[str, float] = {"paper": 0.4, "mug": 0.3, "glass": 0.15, "tumbler": 0.15}
    photometric = True
    ranges: Mapping[str, tuple[float, float]] = {
        "hand": (0.8, 0.8),  # chance of a hand; a cup whose foot can be seen is always held
        "right": (0.5, 0.5),  # chance that it is at the image's right
        "wide": (0.96, 1.08),
        "tall": (0.95, 1.08),
        "tilt": (0.0, 0.9),
        "lean": (-0.1, 0.1),
        "gap": (0.0, 12.0),
        "lift": (-1.0, 7.0),
        "grip": (0.42, 0.6),
        "size": (0.92, 1.06),
        "spin": (-0.5, 0.5),
    }

    def sample(self, rng: np.random.Generator, variant: str, scene: Scene, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
        """Draw the parameters of one cup.

        Raises:
            Rejected: a face turned beyond 60 degrees.
        """
        refuse_profiles(scene.head.pose.yaw, "cups")
        drawn: Parameters = {key: round(float(rng.uniform(*ranges[key])), 4) for key in self.ranges}
        held, right = (float(rng.random()) < drawn.pop(key) for key in ("hand", "right"))
        style = choose(rng, _STYLES[variant])
        parameters: Parameters = {"style": style, **_colours(rng, variant, style, scene), **drawn, "hand": held, "right": right}
        stand = _Stand.of(parameters, scene)
        foot = stand.pose.project(np.stack([stand.centre, stand.centre + stand.axis * stand.height]))[0]
        parameters["hand"] = held or float(foot[1, 1]) < scene.height + 12 * stand.pose.scale
        return {**parameters, **skin_and_sleeve(rng, scene)}

    def render(self, variant: str, parameters: Parameters, scene: Scene) -> Layer:
        """The cup, and perhaps the hand around it, over their contact shadows.

        Raises:
            Rejected: nothing of it falls into the frame.
        """
        stand = _Stand.of(parameters, scene)
        colours = [stored(parameters[key]) for key in ("trim", "main", "second")]
        drawn = draw(stand.surfaces(), Rigid(stand.pose))
        if drawn is None:
            raise Rejected("hidden", "no part of the cup faces the camera")
        layer = colourise(within(drawn, scene.width, scene.height), *colours, side=scene.side)
        layer = over(layer, contact_shadow(layer, stand.pose.scale, reach=6.0, drop=3.0, strength=80))
        if parameters["hand"]:
            held = hand("wrapped", stand.grip(parameters), parameters, scene)
            layer = over(held, over(contact_shadow(held, stand.pose.scale, reach=3.0, drop=2.0, strength=110), layer))
        return layer


def _colours(rng: np.random.Generator, variant: str, style: str, scene: Scene) -> Parameters:
    if variant == "glass":
        # What is clear takes the colour of what lies behind it, mostly skin.
        clear, water = (tuple(v * share // 20 for v in scene.skin) for share in (18, 17))
        colours = (clear, choose(rng, _DRINKS) if style == "glass-filled" else water, _WHITE)
    else:
        palette = _PALETTES.get(style, _PALETTES[variant])
        colours = palette[int(rng.integers(len(palette)))]
    return {key: jitter(rng, colour) for key, colour in zip(("trim", "main", "second"), colours, strict=True)}


@dataclass(frozen=True)
class _Stand:
    """Where a cup is, in head directions and mm from the point of its rim that touches the lips.

    Attributes:
        pose: of that point.
        centre: of the rim's circle.
        axis: unit vector from the rim to the foot.
        right, front: unit vectors across the axis, towards the image's right and the camera.
        height: from rim to foot.
        rows: radius and distance below the rim of the control rows (N, 2).
        texture: of the cup.
        handle: unit vector from the axis to the handle, if it has one.
    """

    pose: Pose
    centre: Array
    axis: Array
    right: Array
    front: Array
    height: float
    rows: Array
    texture: Texture
    handle: Array | None

    @classmethod
    def of(cls, parameters: Mapping[str, Any], scene: Scene) -> "_Stand":
        """As the parameters say.

        Raises:
            ValueError: a style that does not exist.
        """
        texture, facts = textures.load("cups", parameters["style"])
        rows = np.array(facts["profile"], dtype=np.float64) * (parameters["wide"], parameters["tall"])
        head = scene.head.pose
        down, camera = head.rotation[1], np.array(head.rotation[2])
        # However the head nods, a cup that is held away from the lips stays at their height in the image.
        level = -down[2] / down[1] if abs(down[1]) > 0.5 else 0.0
        gap = parameters["gap"] / (1 + 2 * max(0.0, parameters["tilt"]))
        x, y, z = _LIPS
        pivot = scene.head.place([(x, y - parameters["lift"] + gap * level, z + gap)])[0][0]

        axis = _unit(np.array([parameters["lean"], 1.0, parameters["tilt"]]))
        forward = _across(np.array([0.0, 0.0, 1.0]), axis)
        front = _across(camera, axis)
        right = _cross(axis, front)
        handle = None
        if facts["handle"]:
            side = right if parameters["right"] != parameters["hand"] else -right
            handle = _unit(side + parameters["spin"] * front)
        rim = float(rows[np.argmin(rows[:, 1]), 0])
        pose = Pose(head.rotation, head.scale, (pivot[0], pivot[1]))
        return cls(pose, forward * rim, axis, right, front, float(rows[:, 1].max()), rows, texture, handle)

    def surfaces(self) -> list[Surface]:
        """The body, and its handle before or behind it."""
        around = np.roll(CIRCLE[::2], 16, axis=0)  # from behind, by way of the image's left ... to behind again
        around = np.concatenate([around, around[:1]])
        ring = around[:, :1] * self.front + around[:, 1:] * self.right
        grid = self.centre + self.rows[:, None, 1:] * self.axis + self.rows[:, None, :1] * ring[None]
        body = Surface(grid, self.texture, steps=(1, 1))
        if self.handle is None:
            return [body]
        texture, facts = textures.load("cups", "handle")
        bar = np.array(facts["grid"], dtype=np.float64)
        wall = float(self.rows[:, 0].max())
        sideways = _cross(self.axis, self.handle)
        bar = self.centre + (wall + bar[..., :1]) * self.handle + bar[..., 1:2] * self.axis + bar[..., 2:] * sideways
        handle = Surface(bar, texture, two_sided=True, steps=(1, 1))
        towards = self.pose.rotation[2]
        nearer = math.fsum(a * b for a, b in zip(self.handle.tolist(), towards, strict=True)) > 0
        return [body, handle] if nearer else [handle, body]

    def grip(self, parameters: Mapping[str, Any]) -> Pose:
        """The pose of a hand's texture around the cup: upright along the axis as the camera sees it."""
        depth = parameters["grip"] * self.height
        at = self.pose.project((self.centre + self.axis * depth)[None])[0][0]
        wall = self.rows[self.rows[:, 1] <= depth]
        radius = float(wall[-1, 0]) if len(wall) else _PALM
        tip = self.pose.project((self.centre + self.axis * (depth + 1))[None])[0][0]
        x, y = ((tip - at) / self.pose.scale).tolist()
        length = max(math.sqrt(x * x + y * y), 1e-6)
        x, y = x / length, y / length
        squeeze = max(0.8, length)
        scale = self.pose.scale * parameters["size"] * radius / _PALM
        return Pose(((y, x * squeeze, 0.0), (-x, y * squeeze, 0.0), (0.0, 0.0, 1.0)), scale, (float(at[0]), float(at[1])))


def _unit(v: Array) -> Array:
    x, y, z = v.tolist()
    return v / max(math.sqrt(x * x + y * y + z * z), 1e-6)


def _across(v: Array, axis: Array) -> Array:
    """The unit vector across an axis closest to `v`."""
    share = math.fsum(a * b for a, b in zip(v.tolist(), axis.tolist(), strict=True))
    return _unit(v - share * axis)


def _cross(a: Array, b: Array) -> Array:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
