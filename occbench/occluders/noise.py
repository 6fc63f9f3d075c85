"""Noise fill: a part of the face replaced by noise, pixel by pixel."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from occbench.occluders import Parameters, Scene, region
from occbench.occluders.layer import Layer
from occbench.occluders.photometry import GAUSSIAN

_LOWER_FACE = (*range(2, 15), *range(29, 36), *range(48, 60))  # the jaw from ear lobe to ear lobe, the nose, the mouth


class Noise:
    """Opaque noise in a rectangle, in an ellipse, or over the lower face.

    `uniform` noise is any colour; `gaussian` noise scatters about a gray level, each channel for itself.

    Parameters, all stored in the manifest: `box` (left, top, width, height, px of the output: the rectangle, or what the ellipse
    touches; not for the lower face, which follows the landmarks), `cell` (side of one grain, px), `mean` and `deviation` (gray
    levels, Gaussian noise only).
    """

    name = "noise"
    variants: Mapping[str, float] = {
        f"{kind}-{shape}": 1.0 for kind in ("uniform", "gaussian") for shape in ("rectangle", "ellipse", "lower-face")
    }
    photometric = False
    ranges: Mapping[str, tuple[float, float]] = {
        "area": (0.15, 0.5),  # of the rectangle or of the ellipse's box, as a fraction of the landmarks' convex hull
        "aspect": (0.6, 1.6),  # width over height
        "cell": (1.0, 3.0),
        "mean": (96.0, 160.0),
        "deviation": (30.0, 70.0),
    }

    def sample(self, rng: np.random.Generator, variant: str, scene: Scene, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
        """Draw place and grain.

        Raises:
            Rejected: no part of the face lies inside the frame.
        """
        kind, _, shape = variant.partition("-")
        drawn = {key: float(rng.uniform(*ranges[key])) for key in self.ranges}
        face = region.face_pixels(scene.head.points, scene.width, scene.height)
        centre = face[int(rng.integers(len(face)))]
        parameters: Parameters = {"cell": max(1, min(scene.width, scene.height, round(drawn["cell"])))}
        if shape != "lower-face":
            parameters["box"] = region.box(centre, drawn["area"] * len(face), drawn["aspect"], scene.width, scene.height)
        if kind == "gaussian":
            parameters |= {key: max(0, min(255, round(drawn[key]))) for key in ("mean", "deviation")}
        return parameters

    def render(self, variant: str, parameters: Parameters, scene: Scene) -> Layer:
        """The noise; edges of ellipse and lower face are antialiased.

        Raises:
            Rejected: the lower face lies outside the frame.
            ValueError: a box outside the frame, or no usable grain (manifests are untrusted).
        """
        kind, _, shape = variant.partition("-")
        if shape == "lower-face":
            outline = region.convex(scene.head.points[list(_LOWER_FACE)])
            box = region.bounds([outline], scene.width, scene.height)
            alpha = region.coverage([outline], box)
        else:
            box = region.stored_box(parameters["box"], scene.width, scene.height)
            half = np.array(box[2:]) / 2
            alpha = np.full(box[:-3:-1], 255, np.uint8)
            if shape == "ellipse":
                alpha = region.coverage([region.CIRCLE * half + half - 0.5 + box[:2]], box)
        width, height = box[2:]
        cell = int(parameters["cell"])
        if not 1 <= cell <= max(scene.width, scene.height):
            raise ValueError(f"a grain of {cell} px")
        rows, columns = -(-height // cell), -(-width // cell)
        grains = scene.noise(rows * columns * 3).reshape(rows, columns, 3)
        if kind == "gaussian":
            grains = _scatter(grains, int(parameters["mean"]), int(parameters["deviation"]))
        colour = grains.repeat(cell, axis=0).repeat(cell, axis=1)[:height, :width]
        return Layer(np.dstack([colour, alpha]), box[0], box[1])


def _scatter(uniform: npt.NDArray[np.uint8], mean: int, deviation: int) -> npt.NDArray[np.uint8]:
    """Uniform bytes to gray levels of a normal distribution, cut to 0..255."""
    if not (0 <= mean <= 255 and 0 <= deviation <= 255):
        raise ValueError(f"no gray levels: mean {mean}, deviation {deviation}")
    table = np.clip((GAUSSIAN.astype(np.int64) * deviation + 64 * mean + 32) // 64, 0, 255).astype(np.uint8)
    return table[uniform]
