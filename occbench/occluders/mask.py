"""Face masks: surgical, KN95, N95, moulded foam, cloth plain and printed, dark ones; worn right, below the nose or on the chin.

A style is a channel texture (shade, side, ink, alpha) over a grid of head points, both drawn by `assets/masks/draw.py`. The grid
follows the fitted head, so the mask wraps this face's nose and jaw and turns with it; loops end at the roots of the ears, and what
lies on the far side is culled.
"""

from collections.abc import Mapping

import numpy as np

from occbench.errors import Rejected
from occbench.occluders import Parameters, Scene, textures
from occbench.occluders.layer import Layer, over
from occbench.occluders.paint import Colour, choose, colourise, contact_shadow, jitter, stored
from occbench.occluders.surface import Surface, draw

_WHITE, _BLACK, _LIGHT_BLUE = (240, 242, 244), (40, 40, 44), (146, 192, 222)

# Main colours with their weights, a variant's share of styles, and whether loops keep their own (white) colour.
_PALETTES: dict[str, list[tuple[Colour, float]]] = {
    "surgical": [
        (_LIGHT_BLUE, 5), ((172, 210, 236), 3), ((118, 176, 214), 2), (_WHITE, 5), ((150, 208, 190), 1), ((238, 196, 208), 0.7),
        ((196, 190, 224), 0.4),
    ],
    "kn95": [(_WHITE, 7), ((232, 230, 224), 2), ((120, 122, 128), 1), (_BLACK, 1)],
    "n95": [(_WHITE, 6), ((236, 230, 218), 2), ((186, 190, 194), 1)],
    "moulded": [
        ((74, 76, 84), 5), ((48, 48, 54), 4), ((62, 74, 98), 2), ((128, 130, 136), 1), ((226, 228, 232), 2), ((226, 178, 190), 0.5),
    ],
    "cloth": [
        ((58, 62, 72), 2), ((60, 80, 124), 2), ((120, 40, 48), 1), ((70, 96, 78), 1), ((150, 150, 152), 1.5), ((214, 206, 190), 1),
        ((226, 228, 230), 1.5), ((96, 70, 110), 0.6), ((200, 120, 60), 0.4),
    ],
    "printed": [
        ((52, 60, 84), 2), ((170, 52, 60), 1), ((226, 222, 214), 2), ((84, 112, 96), 1), ((40, 40, 44), 2), ((204, 160, 110), 1),
    ],
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
    up), `puff` (mm away from the face), `tilt` (mm of height per mm across), `key` (share of light from the image's right beyond
    what the photograph's cheeks show), `mirror` (the texture's left and right exchanged).
    """

    name = "mask"
    variants: Mapping[str, float] = {
        "surgical": 0.40, "dark": 0.20, "moulded": 0.14, "kn95": 0.10, "n95": 0.05, "cloth": 0.07, "printed": 0.04,
    }  # fmt: skip
    photometric = True
    mesh = True
    # `wrong` is the chance that a mask is worn below the nose or on the chin.
    ranges: Mapping[str, tuple[float, float]] = {
        "wrong": (0.0, 0.0),
        "width": (0.97, 1.06),
        "lift": (-7.0, 0.0),
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
        colour = jitter(rng, choose(rng, _PALETTES[variant]))
        second = jitter(rng, _SECOND[int(rng.integers(len(_SECOND)))])
        bright = sum(colour) > 330
        return {
            "style": choose(rng, _STYLES[variant]),
            "wear": choose(rng, [("below-nose", 3), ("chin", 1)]) if wrong else "right",
            "colour": colour,
            "second": second,
            "trim": jitter(rng, _WHITE) if bright or rng.random() < 0.1 else colour,
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
        layer = colourise(layer, *(stored(parameters[key]) for key in ("trim", "colour", "second")), side=side)
        return over(layer, contact_shadow(layer, scene.head.pose.scale))
