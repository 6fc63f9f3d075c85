"""Sunglasses: ten frames in plastic, metal or rimless, with dark, gradient, mirrored and tinted lenses.

A frame is a channel texture (shade, lens, second colour, alpha) over grids of head points, front and temples, drawn by
`assets/eyewear/draw.py`; what the lenses reflect is a second texture. The glasses follow the fitted head: the front rests on the
bridge of this nose, temples end at the roots of the ears, and the temple on the far side of a turned head is culled.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.landmarks.head import FittedHead
from occbench.occluders import Parameters, Scene, textures
from occbench.occluders.layer import Image, Layer, over
from occbench.occluders.paint import Colour, choose, contact_shadow, jitter, stored
from occbench.occluders.surface import Surface, Texture, draw, sample

Array = npt.NDArray[np.float64]

# Colour and second colour of frames with their weights; equal ones are plain, others are spots of tortoise shell or the brow.
_BLACK, _GOLD, _SILVER, _GUNMETAL = (16, 16, 18), (196, 164, 96), (186, 188, 192), (92, 92, 96)
_METAL = ("aviator", "round", "square", "rimless")
_METALS: list[tuple[tuple[Colour, Colour], float]] = [
    ((_GOLD, _GOLD), 4), ((_SILVER, _SILVER), 3), ((_BLACK, _BLACK), 4), ((_GUNMETAL, _GUNMETAL), 2),
    (((204, 156, 134), (204, 156, 134)), 1),
]  # fmt: skip
_BROWS: list[tuple[tuple[Colour, Colour], float]] = [
    ((_GOLD, _BLACK), 4), ((_SILVER, _BLACK), 3), ((_BLACK, _BLACK), 2), ((_GOLD, (60, 34, 20)), 2),
]  # fmt: skip
_PLASTICS: list[tuple[tuple[Colour, Colour], float]] = [
    ((_BLACK, _BLACK), 10), (((44, 24, 14), (128, 76, 32)), 3), (((30, 18, 12), (84, 46, 22)), 2),
    (((66, 40, 28), (66, 40, 28)), 1), (((228, 226, 222), (228, 226, 222)), 0.8), (((168, 24, 34), (168, 24, 34)), 0.5),
    (((206, 84, 122), (206, 84, 122)), 0.4), (((36, 66, 136), (36, 66, 136)), 0.6), (((120, 116, 112), (150, 148, 146)), 0.4),
]  # fmt: skip

# Tint, alpha at the lens's top, what alpha loses towards its bottom, and weight.
_LENSES: dict[str, list[tuple[tuple[Colour, int, int], float]]] = {
    "opaque": [(((12, 12, 14), 255, 0), 4), (((20, 20, 22), 255, 0), 2), (((22, 26, 20), 255, 0), 1)],
    "dark": [(((14, 14, 16), 240, 12), 3), (((16, 20, 14), 238, 14), 2), (((32, 18, 10), 238, 14), 2)],
    "gradient": [
        (((14, 14, 17), 240, 80), 4), (((34, 18, 10), 238, 82), 3), (((34, 18, 28), 234, 78), 1), (((16, 22, 38), 236, 80), 1),
    ],
    "mirrored": [(((14, 16, 20), 255, 0), 1)],
    "tinted": [
        (((38, 38, 42), 180, 36), 2), (((110, 58, 14), 172, 28), 1.5), (((84, 34, 26), 176, 32), 1), (((134, 52, 74), 166, 24), 1),
        (((36, 62, 112), 176, 32), 1.2), (((176, 132, 16), 158, 14), 0.6),
    ],
}  # fmt: skip
# Colours of a mirror's coating at the lens's top and bottom.
_COATINGS: list[tuple[tuple[Colour, Colour], float]] = [
    (((60, 110, 236), (70, 196, 236)), 3), (((60, 190, 110), (70, 200, 214)), 2), (((250, 84, 36), (255, 190, 60)), 2.5),
    (((206, 210, 216), (236, 238, 240)), 3), (((240, 200, 120), (250, 224, 170)), 1), (((150, 70, 210), (70, 130, 240)), 1),
    (((240, 130, 150), (250, 196, 170)), 1),
]  # fmt: skip
_UNCOATED: tuple[Colour, Colour] = ((255, 255, 255), (255, 255, 255))
_SCENES = [("sky", 3.0), ("street", 2.0), ("beach", 1.0), ("window", 2.0), ("person", 1.0), ("soft", 3.0)]

_FRONT_ROWS = 0.8125  # the share of a frame's texture, from the top, that is the front
_TEMPLE_ROWS = (0.9, 0.975)  # rows well inside the temples' material
_EAR = -84.0  # z of the temples' ends, mm
_SCENERY_MM = 160.0  # what the width of a reflection spans of the front


class Sunglasses:
    """See the module. A variant is a frame. Parameters, all stored in the manifest:

    `lens` (kind), `tint` (RGB), `density` (alpha at the lens's top), `fade` (what alpha loses towards its bottom), `coat` (two RGB,
    top and bottom of a mirror's coating), `reflection` (its strength, 0..1), `scene`, `scene_x`, `scene_y` (what is reflected, and
    which part of it), `colour`, `second` (RGB of the frame), `gloss` (0..1), `size` (factor), `slip` (mm down the nose), `shift`
    (mm to the image's right), `tilt` (mm of height per mm across).
    """

    name = "sunglasses"
    variants: Mapping[str, float] = {
        "aviator": 0.20, "wayfarer": 0.20, "oversized": 0.12, "round": 0.07, "round-bold": 0.08, "cat-eye": 0.08, "square": 0.08,
        "browline": 0.05, "wrap": 0.08, "rimless": 0.04,
    }  # fmt: skip
    photometric = True
    # `mirrored`, `tinted`, `gradient` and `opaque` are the chances of such lenses; all others are dark and let a little through.
    ranges: Mapping[str, tuple[float, float]] = {
        "mirrored": (0.18, 0.18),
        "tinted": (0.10, 0.10),
        "gradient": (0.26, 0.26),
        "opaque": (0.26, 0.26),
        "glint": (0.0, 0.18),  # reflection of lenses that are no mirrors
        "coating": (0.6, 0.95),  # reflection of mirrors
        "scene_x": (-0.04, 0.04),
        "scene_y": (0.1, 0.35),
        "gloss": (0.3, 1.0),
        "size": (0.96, 1.08),
        "slip": (-1.0, 4.0),
        "shift": (-1.0, 1.0),
        "tilt": (-0.03, 0.03),
    }

    def sample(self, rng: np.random.Generator, variant: str, scene: Scene, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
        """Draw the parameters of one pair of sunglasses.

        Raises:
            Rejected: a face turned beyond 70 degrees, of which landmarks tell too little.
        """
        if abs(scene.head.pose.yaw) > 70:
            raise Rejected("pose", f"the face is turned by {scene.head.pose.yaw:.0f} degrees; sunglasses need at most 70")
        drawn = {key: round(float(rng.uniform(*ranges[key])), 4) for key in self.ranges}
        chances = [(kind, drawn.pop(kind)) for kind in ("mirrored", "tinted", "gradient", "opaque")]
        lens = choose(rng, [*chances, ("dark", max(0.0, 1 - sum(chance for _, chance in chances)))])
        glint, coating = drawn.pop("glint"), drawn.pop("coating")
        tint, density, fade = choose(rng, _LENSES[lens])
        colour, second = choose(rng, _METALS if variant in _METAL else _BROWS if variant == "browline" else _PLASTICS)
        frame = jitter(rng, colour)
        return {
            "lens": lens,
            "tint": jitter(rng, tint),
            "density": density,
            "fade": fade,
            "coat": choose(rng, _COATINGS) if lens == "mirrored" else _UNCOATED,
            "reflection": coating if lens == "mirrored" else glint,
            "scene": choose(rng, _SCENES),
            "colour": frame,
            "second": frame if second == colour else jitter(rng, second),
            **drawn,
        }

    def render(self, variant: str, parameters: Parameters, scene: Scene) -> Layer:
        """Front over temples over their contact shadow.

        Raises:
            Rejected: nothing of them faces the camera.
        """
        glasses = draw(parts(variant, parameters), scene.head)
        if glasses is None:
            raise Rejected("hidden", "no part of the sunglasses faces the camera")
        scenery, _ = textures.load("eyewear", f"reflection-{parameters['scene']}")
        mirrored = _reflect(scenery, glasses, (parameters["scene_x"], parameters["scene_y"]), scene.head)
        layer = Layer(_colourise(glasses.rgba, mirrored, parameters), glasses.x, glasses.y)
        return over(layer, contact_shadow(layer, scene.head.pose.scale, reach=3.0, drop=3.0, strength=64))


def parts(variant: str, parameters: Mapping[str, Any]) -> list[Surface]:
    """The temple at the image's right, the one at its left, and the front, in channels (see `assets/eyewear/frames.py`)."""
    texture, facts = textures.load("eyewear", variant)
    front, right = (np.array(facts["grids"][part], dtype=np.float64) for part in ("front", "temple"))
    left = right[:, ::-1] * np.array([-1.0, 1.0, 1.0])
    top, bottom = _TEMPLE_ROWS
    return [
        Surface(_wear(right, parameters), texture, steps=(1, 2), region=(0.0, top, 1.0, bottom)),
        Surface(_wear(left, parameters), texture, steps=(1, 2), region=(1.0, top, 0.0, bottom)),
        Surface(_wear(front, parameters), texture, steps=(1, 1), region=(0.0, 0.0, 1.0, _FRONT_ROWS)),
    ]


def _wear(grid: Array, parameters: Mapping[str, Any]) -> Array:
    """The grid (rows, columns, 3) as this person wears it; what is at the ears stays there."""
    x, y, z = grid[..., 0], grid[..., 1], grid[..., 2]
    free = np.clip((z - _EAR) / 90.0, 0.0, 1.0)
    factor = 1 + (parameters["size"] - 1) * free
    # Slipping down the nose moves glasses forwards too: its bridge runs 0.7 mm forwards for every mm down.
    return np.stack(
        [
            x * factor + parameters["shift"] * free,
            y * factor + (parameters["slip"] + parameters["tilt"] * x) * free,
            z + 0.7 * parameters["slip"] * free,
        ],
        axis=-1,
    )


def _reflect(scenery: Texture, glasses: Layer, offset: tuple[float, float], head: FittedHead) -> Image:
    """What a flat mirror in the front's place shows, (h, w, 3) on the glasses' rectangle; `offset` in widths and heights."""
    (right_x, right_y, _), (down_x, down_y, _), toward = head.pose.rotation
    scale = head.pose.scale * max(toward[2], 0.25)  # times the determinant of the plane's projection
    centre = head.place([[0.0, 0.0, 24.0]])[0][0]
    dx = (np.arange(glasses.rgba.shape[1], dtype=np.float64) + (glasses.x - centre[0]))[None, :] / scale
    dy = (np.arange(glasses.rgba.shape[0], dtype=np.float64) + (glasses.y - centre[1]))[:, None] / scale
    x, y = down_y * dx - right_y * dy, right_x * dy - down_x * dx  # mm in the plane of the front
    level, texels = 0, scenery.rgba.shape[1] / (_SCENERY_MM * head.pose.scale)
    while texels > 1.5 and level + 1 < len(scenery.levels):
        level, texels = level + 1, texels / 2
    image = scenery.levels[level]
    width = image.shape[1]
    u = (x / _SCENERY_MM + 0.5 + offset[0]) * width
    v = (y + 27.0) / _SCENERY_MM * width + offset[1] * image.shape[0]
    return sample(image, u - 0.5, v - 0.5)[..., :3]


def _colourise(channels: Image, mirror: Image, parameters: Mapping[str, Any]) -> Image:
    """Colours from (shade, lens, second, alpha) and what the lenses reflect (RGB), in integers."""
    shade, lens, second, alpha = (channels[..., k : k + 1].astype(np.int32) for k in range(4))
    first, other, tint = (stored(parameters[k]) for k in ("colour", "second", "tint"))
    coat = [stored(colour) for colour in parameters["coat"]]
    gloss, strength = round(parameters["gloss"] * 256), round(parameters["reflection"] * 256)

    frame = (first * (255 - second) + other * second + 127) // 255
    frame = (frame * np.minimum(shade, 192) + 96) // 192 + ((np.maximum(shade - 192, 0) * gloss * 3) >> 8)
    glass = (tint * np.minimum(shade, 192) + 96) // 192
    coating = (coat[0] * (255 - second) + coat[1] * second + 127) // 255
    glass = glass + ((((mirror * coating + 127) // 255) * strength + 128) >> 8)

    out = channels.copy()
    out[..., :3] = np.minimum((frame * (255 - lens) + glass * lens + 127) // 255, 255)
    see = 255 - parameters["density"] + (parameters["fade"] * second + 127) // 255  # how much of the face shows through the lens
    out[..., 3:] = (alpha * (255 * 255 - see * lens) + 32512) // (255 * 255)
    return out
