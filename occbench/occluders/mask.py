"""Face masks: surgical, KN95, N95, moulded foam, cloth plain and printed, dark ones; worn right, below the nose or on the chin.

A style is a channel texture (shade, side, ink, alpha) over a grid of head points, both drawn by `assets/masks/draw.py`. The grid
follows the fitted head, so the mask wraps this face's nose and jaw and turns with it; loops end at the roots of the ears, and what
lies on the far side is culled.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.occluders import Parameters, Scene, textures
from occbench.occluders.layer import Layer, over
from occbench.occluders.surface import Surface, Texture, draw

T = TypeVar("T")
Colour = tuple[int, int, int]

_WHITE, _BLACK, _LIGHT_BLUE = (240, 242, 244), (40, 40, 44), (146, 192, 222)

# Main colours with their weights, a variant's share of styles, and whether loops keep their own (white) colour.
_PALETTES: dict[str, list[tuple[Colour, float]]] = {
    "surgical": [
        (_LIGHT_BLUE, 5), ((168, 208, 232), 3), ((118, 176, 214), 2), (_WHITE, 5), ((150, 208, 190), 1), ((238, 196, 208), 0.7),
        ((196, 190, 224), 0.4),
    ],
    "kn95": [(_WHITE, 7), ((232, 230, 224), 2), ((120, 122, 128), 1), (_BLACK, 1)],
    "n95": [(_WHITE, 6), ((236, 230, 218), 2), ((186, 190, 194), 1)],
    "moulded": [((74, 76, 84), 5), ((48, 48, 54), 4), ((62, 74, 98), 2), ((128, 130, 136), 1), ((226, 228, 232), 2), ((226, 178, 190), 0.5)],
    "cloth": [
        ((58, 62, 72), 2), ((60, 80, 124), 2), ((120, 40, 48), 1), ((70, 96, 78), 1), ((150, 150, 152), 1.5), ((214, 206, 190), 1),
        ((226, 228, 230), 1.5), ((96, 70, 110), 0.6), ((200, 120, 60), 0.4),
    ],
    "printed": [((52, 60, 84), 2), ((170, 52, 60), 1), ((226, 222, 214), 2), ((84, 112, 96), 1), ((40, 40, 44), 2), ((204, 160, 110), 1)],
    "dark": [(_BLACK, 5), ((28, 28, 30), 4), ((56, 58, 66), 3), ((44, 52, 72), 1.5)],
}  # fmt: skip
_STYLES: dict[str, list[tuple[str, float]]] = {
    "surgical": [("surgical-a", 1), ("surgical-b", 1)],
    "kn95": [("folded", 1)],
    "n95": [("panelled", 1), ("panelled-valve", 1)],
    "moulded": [("moulded", 1)],
    "cloth": [("cloth", 3), ("cloth-heather", 1)],
    "printed": [
        ("cloth-dots", 1), ("cloth-stripes", 1), ("cloth-plaid", 1), ("cloth-blossoms", 1), ("cloth-camouflage", 1),
        ("cloth-heather", 0.6),
    ],
    "dark": [("surgical-a", 1), ("surgical-b", 1), ("moulded", 2), ("cloth", 1.5), ("folded", 0.5)],
}  # fmt: skip
_SECOND = [(240, 240, 238), (200, 60, 64), (236, 200, 90), (110, 150, 190), (60, 60, 66), (160, 190, 150)]


class Mask:
    """See the module. Parameters, all stored in the manifest:

    `style` (texture), `wear` (`right`, `below-nose`, `chin`), `colour`, `second`, `trim` (RGB), `width` (factor across), `lift` (mm
    up), `puff` (mm away from the face), `tilt` (mm of height per mm across), `key` (share of light from the image's right beyond what the
    photograph's cheeks show), `mirror` (the texture's left and right exchanged).
    """

    name = "mask"
    variants: Mapping[str, float] = {
        "surgical": 0.40, "dark": 0.20, "moulded": 0.14, "kn95": 0.10, "n95": 0.05, "cloth": 0.07, "printed": 0.04,
    }  # fmt: skip
    photometric = True
    # `wrong` is the chance that a mask is worn below the nose or on the chin.
    ranges: Mapping[str, tuple[float, float]] = {
        "wrong": (0.0, 0.0),
        "width": (0.97, 1.06),
        "lift": (-9.0, 0.0),
        "puff": (-2.0, 4.0),
        "tilt": (-0.04, 0.04),
        "key": (-0.35, 0.35),
    }

    def sample(self, rng: np.random.Generator, variant: str, scene: Scene, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
        """Draw the parameters of one mask.

        Raises:
            Rejected: a face turned beyond 70 degrees, of which landmarks tell too little.
        """
        if abs(scene.head.pose.yaw) > 70:
            raise Rejected("pose", f"the face is turned by {scene.head.pose.yaw:.0f} degrees; masks need at most 70")
        drawn = {key: round(float(rng.uniform(*ranges[key])), 4) for key in self.ranges}
        wrong = float(rng.random()) < drawn.pop("wrong")
        colour = _jitter(rng, _choose(rng, _PALETTES[variant]))
        second = _jitter(rng, _SECOND[int(rng.integers(len(_SECOND)))])
        bright = sum(colour) > 330
        return {
            "style": _choose(rng, _STYLES[variant]),
            "wear": _choose(rng, [("below-nose", 3), ("chin", 1)]) if wrong else "right",
            "colour": colour,
            "second": second,
            "trim": _jitter(rng, _WHITE) if bright or rng.random() < 0.1 else colour,
            **drawn,
            "mirror": bool(rng.random() < 0.5),
        }

    def render(self, variant: str, parameters: Parameters, scene: Scene) -> Layer:
        """The mask over its contact shadow.

        Raises:
            Rejected: nothing of it faces the camera.
        """
        texture, facts = textures.load("masks", parameters["style"])
        grid = np.array(facts["grids"][parameters["wear"]], dtype=np.float64)
        grid[..., 0] *= parameters["width"]
        grid[..., 1] += parameters["tilt"] * grid[..., 0] - parameters["lift"]
        # Only the middle of the mask can stand off; the loops stay at the ears.
        grid[..., 2] += parameters["puff"] * np.clip(1 - np.abs(grid[..., 0]) / 70, 0, 1)
        region = (1.0, 0.0, 0.0, 1.0) if parameters["mirror"] else (0.0, 0.0, 1.0, 1.0)
        layer = draw([Surface(grid, texture, steps=(1, 1), region=region)], scene.head)
        if layer is None:
            raise Rejected("hidden", "no part of the mask faces the camera")
        side = (parameters["key"] + 1.5 * scene.side) * (-1 if parameters["mirror"] else 1)
        layer = Layer(_colourise(layer.rgba, parameters, side), layer.x, layer.y)
        return over(layer, contact_shadow(layer, scene.head.pose.scale))


def contact_shadow(layer: Layer, scale: float, *, reach: float = 5.0, drop: float = 2.5, strength: int = 42) -> Layer:
    """The soft shadow that a worn thing throws on the skin around it.

    Args:
        layer: the thing.
        scale: px per mm.
        reach: Gaussian sigma of the shadow in mm.
        drop: how far below the thing it lies, mm.
        strength: largest alpha, at most 127, so that it never counts as occluded.
    """
    sigma = max(0.5, round(reach * scale * 8) / 8)
    pad = int(3 * sigma) + 1
    alpha = np.pad(layer.rgba[..., 3], pad)
    blurred = cv2.GaussianBlur(alpha, (2 * pad + 1, 2 * pad + 1), sigma, borderType=cv2.BORDER_CONSTANT)
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    rgba[..., :3] = (24, 14, 12)
    rgba[..., 3] = (blurred.astype(np.int32) * strength + 127) // 255
    return Layer(rgba, layer.x - pad, layer.y - pad + round(drop * scale))


def _colourise(channels: npt.NDArray[np.uint8], parameters: Parameters, side: float) -> npt.NDArray[np.uint8]:
    """Colours from (shade, side, ink, alpha): trim, main and second colour mixed by ink, then shaded.

    Args:
        side: how much brighter than straight ahead surfaces look that face the image's right.
    """
    shade, facing, ink = (channels[..., k : k + 1].astype(np.int32) for k in range(3))
    trim, colour, second = (np.array(parameters[k], dtype=np.int32) for k in ("trim", "colour", "second"))
    main, printed = np.minimum(ink, 128), np.maximum(ink - 128, 0)
    mixed = (trim * (128 - main) + colour * (main - printed) + second * printed + 64) // 128
    shade = np.clip((shade * (32768 + round(side * 256) * (facing - 128)) + 16384) // 32768, 0, 255)
    out = channels.copy()
    # A little of the shade is sheen: even black cloth shows its folds.
    out[..., :3] = np.minimum((mixed * shade + 127) // 255 + (shade * shade) // 5100, 255)
    return out


def _choose(rng: np.random.Generator, weighted: Sequence[tuple[T, float]]) -> T:
    at = float(rng.random()) * sum(weight for _, weight in weighted)
    for value, weight in weighted:
        at -= weight
        if at < 0:
            return value
    return weighted[-1][0]


def _jitter(rng: np.random.Generator, colour: Colour) -> Colour:
    """The same colour a little lighter or darker, and a little off."""
    factor, shift = float(rng.uniform(0.9, 1.06)), rng.integers(-6, 7, 3)
    r, g, b = (max(8, min(250, round(v * factor) + int(s))) for v, s in zip(colour, shift, strict=True))
    return (r, g, b)
