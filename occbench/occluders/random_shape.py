"""Random shapes: free-form brush strokes, scribbles, and polygons and blobs with generated patterns."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from occbench.occluders import Parameters, Scene, region
from occbench.occluders.layer import Image, Layer

Array = npt.NDArray[np.float64]

_MAX_STROKES = 50
_PATTERNS = ("plain", "stripes", "checks", "dots", "fade", "speckle")


class RandomShape:
    """Opaque shapes with soft edges somewhere on the face, without a meaning.

    `strokes` are thick brush strokes that turn at random, as free-form inpainting uses them (Yu et al. 2019, "Free-form image
    inpainting with gated convolution"); a `scribble` is one long thin one; `polygon` and `blob` are closed outlines, angular or
    smooth.

    Parameters, all stored in the manifest: `lines` (vertices, px of the output: open lines of the brush, or one outline),
    `diameter` (of the brush, px; 0 for outlines), `pattern`, `colours` (two, RGB), `wavelength` (of the pattern, px), `along` (its
    direction, a unit vector).
    """

    name = "random-shape"
    variants: Mapping[str, float] = {"strokes": 2.0, "scribble": 1.0, "polygon": 1.5, "blob": 1.5}
    photometric = False
    # Lengths are fractions of the side of a square with the area of the landmarks' convex hull.
    ranges: Mapping[str, tuple[float, float]] = {
        "strokes": (2.0, 5.0),  # how many
        "brush": (0.12, 0.24),  # diameter; a third of it for scribbles
        "step": (0.15, 0.5),  # between two turns
        "area": (0.12, 0.4),  # of polygon or blob, as a fraction of the hull
        "roughness": (0.2, 0.6),  # how far corners come in, as a fraction of the radius
        "period": (0.06, 0.25),
    }

    def sample(self, rng: np.random.Generator, variant: str, scene: Scene, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
        """Draw the lines and what fills them.

        Raises:
            Rejected: no part of the face lies inside the frame.
        """
        drawn = {key: float(rng.uniform(*ranges[key])) for key in self.ranges}
        face = region.face_pixels(scene.head.points, scene.width, scene.height)
        side = math.sqrt(len(face))
        brush, pattern = 0.0, _PATTERNS[int(rng.integers(len(_PATTERNS)))]
        if variant in ("strokes", "scribble"):
            turns = [int(rng.integers(4, 9)) for _ in range(max(1, min(_MAX_STROKES, round(drawn["strokes"]))))]
            turns, brush = (turns, drawn["brush"]) if variant == "strokes" else ([24], drawn["brush"] / 3)
            lines = [_walk(rng, face, count, (ranges["step"][0] * side, ranges["step"][1] * side)) for count in turns]
        else:
            lines = [_ring(rng, face, drawn["area"] * len(face), min(0.9, max(0.0, drawn["roughness"])))]
        return {
            "lines": [[[round(float(v), 1) for v in vertex] for vertex in line] for line in lines],
            "diameter": max(2.0, round(brush * side, 1)) if brush else 0.0,
            "pattern": pattern,
            "colours": rng.integers(0, 256, (2, 3)).tolist(),
            "wavelength": max(3.0, round(drawn["period"] * side, 1)),
            "along": [round(float(v), 4) for v in region.CIRCLE[int(rng.integers(64))]],
        }

    def render(self, variant: str, parameters: Parameters, scene: Scene) -> Layer:
        """The shape.

        Raises:
            Rejected: it lies outside the frame.
            ValueError: no usable lines, pattern or colours (manifests are untrusted).
        """
        lines = [np.array(line, dtype=np.float64).reshape(-1, 2) for line in parameters["lines"]]
        if sum(map(len, lines)) > 9 * _MAX_STROKES:
            raise ValueError("lines without end")
        diameter = float(parameters["diameter"])
        if variant != "polygon":
            lines = [_smooth(line, closed=not diameter) for line in lines]
        outlines = [part for line in lines for part in _thicken(line, diameter / 2)] if diameter else lines
        box = region.bounds(outlines, scene.width, scene.height)
        return Layer(np.dstack([_fill(parameters, box, scene), region.coverage(outlines, box)]), box[0], box[1])


def _walk(rng: np.random.Generator, face: npt.NDArray[np.int64], turns: int, step: tuple[float, float]) -> Array:
    """A line from the face that turns by up to 130 degrees at each step, and back where it would leave the face's bounding box."""
    low, high = face.min(axis=0), face.max(axis=0)
    points, heading = [face[int(rng.integers(len(face)))].astype(np.float64)], int(rng.integers(64))
    for _ in range(turns):
        heading, length = heading + int(rng.integers(-23, 24)), rng.uniform(*step)
        ahead = points[-1] + region.CIRCLE[heading % 64] * length
        if (ahead < low).any() or (ahead > high).any():
            heading += 32
            ahead = points[-1] + region.CIRCLE[heading % 64] * length
        points.append(np.clip(ahead, low, high))
    return np.array(points)


def _ring(rng: np.random.Generator, face: npt.NDArray[np.int64], area: float, roughness: float) -> Array:
    """A star-shaped outline of 6 to 11 corners and a given area around a random pixel of the face."""
    corners = int(rng.integers(6, 12))
    at = (np.arange(corners) * 64 + rng.integers(0, 48, corners)) // corners % 64
    ring = region.CIRCLE[at] * (1 - roughness * rng.random(corners))[:, None]
    after = np.roll(ring, -1, axis=0)
    enclosed = abs(float((ring[:, 0] * after[:, 1] - ring[:, 1] * after[:, 0]).sum())) / 2
    scale = math.sqrt(max(area, 1.0) / enclosed)
    outline: Array = ring * scale + face[int(rng.integers(len(face)))]
    return outline


def _smooth(line: Array, *, closed: bool) -> Array:
    """Corner cutting, three times (Chaikin 1974); open lines keep their ends."""
    for _ in range(3):
        ends = (line[:1], line[-1:])
        a, b = (line, np.roll(line, -1, axis=0)) if closed else (line[:-1], line[1:])
        line = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        if not closed:
            line = np.concatenate([ends[0], line, ends[1]])
    return line


def _thicken(line: Array, radius: float) -> list[Array]:
    """Polygons that together are the line drawn with a round brush: a disc at each vertex, a rectangle along each piece."""
    along = line[1:] - line[:-1]
    length = np.sqrt(along[:, 0] * along[:, 0] + along[:, 1] * along[:, 1])
    across = along[:, ::-1] * (-radius, radius) / np.maximum(length, 1e-6)[:, None]
    bars = np.stack([line[:-1] + across, line[1:] + across, line[1:] - across, line[:-1] - across], axis=1)
    return [*(line[:, None] + region.CIRCLE * radius), *bars]


def _fill(parameters: Parameters, box: region.Box, scene: Scene) -> Image:
    """The pattern: (height, width, 3) uint8 for the pixels of a box."""
    left, top, width, height = box
    period, (dx, dy) = float(parameters["wavelength"]), (float(v) for v in parameters["along"])
    first, second = np.array(parameters["colours"], dtype=np.int64).reshape(2, 3)
    if not (math.isfinite(dx + dy) and period >= 1 and first.min() >= 0 <= second.min() and first.max() <= 255 >= second.max()):
        raise ValueError(f"no usable pattern: {parameters}")
    xs, ys = np.arange(width, dtype=np.float64)[None, :] + left, np.arange(height, dtype=np.float64)[:, None] + top
    u, v = (dx * xs + dy * ys) / period, (dx * ys - dy * xs) / period
    share = _share(parameters["pattern"], u, v, period, scene)
    weight = np.rint(share * 255).astype(np.int64)[..., None]
    return ((first * (255 - weight) + second * weight + 127) // 255).astype(np.uint8)


def _share(pattern: str, u: Array, v: Array, period: float, scene: Scene) -> Array:
    """How much of the second colour each pixel has, 0..1; u and v count periods along and across. Edges are one pixel wide."""
    if pattern == "plain":
        return np.zeros_like(u)
    if pattern == "speckle":
        return scene.noise(u.size).reshape(u.shape) / 255.0
    if pattern == "fade":
        return _wave(u / 6)
    if pattern == "dots":
        fu, fv = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
        return np.clip((0.32 - np.sqrt(fu * fu + fv * fv)) * period + 0.5, 0, 1)
    stripes = [np.clip((_wave(w) - 0.5) * period / 2 + 0.5, 0, 1) for w in (u, v)]
    if pattern == "stripes":
        return stripes[0]
    if pattern == "checks":
        return stripes[0] + stripes[1] - 2 * stripes[0] * stripes[1]
    raise ValueError(f"no such pattern: {pattern}")


def _wave(x: Array) -> Array:
    """A triangle wave of period 1 between 0 and 1."""
    return np.abs(2 * (x - np.floor(x)) - 1)
