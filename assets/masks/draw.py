"""Draw the mask textures and their anchor grids: `python -m occbench.assets.masks.draw [FOLDER]`.

A texture's channels are not colours but what colours are mixed from (see `occbench/occluders/paint.py`): R shade of the relief
under light from above the camera, G how far the surface faces the image's right (128 = not at all), B ink (0 trim such as loops,
wires and valves; 128 main colour; 255 second colour of a print; mixtures between), A alpha. The grid beside it says where in the
head (mm) rows and columns lie: column k is k - 6 times 27.5 mm of fabric from the middle of the face, the outermost columns are at
the roots of the ears; rows run from the bridge of the nose to below the chin.
"""

import json
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
Row = tuple[tuple[float, float, float], ...]

WIDTH, HEIGHT, SUPER = 768, 288, 2
HALF = 165.0  # mm of fabric from the middle to the ear
TALL = 125.0  # mm from the top row to the bottom row along the middle

# Right halves of the control rows, middle to ear, (x, y, z) in head mm.
WORN: list[Row] = [
    ((0, 14, 33), (19, 18, 18), (41, 24, 8), (61, 26, -13), (69, 20, -38), (74, 8, -62), (78, -6, -84)),
    ((0, 26, 44), (20, 28, 29), (42, 34, 12), (62, 35, -12), (69, 28, -38), (74, 17, -62), (78, 3, -84)),
    ((0, 38, 50), (21, 40, 36), (43, 44, 15), (62, 45, -10), (69, 38, -37), (74, 27, -62), (78, 12, -84)),
    ((0, 53, 49), (22, 54, 38), (44, 56, 17), (62, 55, -10), (69, 48, -36), (74, 36, -62), (78, 22, -84)),
    ((0, 74, 43), (23, 73, 36), (45, 70, 17), (62, 67, -11), (69, 58, -37), (74, 46, -62), (78, 32, -82)),
    ((0, 99, 36), (24, 96, 29), (45, 88, 12), (61, 80, -14), (67, 68, -38), (73, 56, -60), (77, 42, -80)),
    ((0, 126, 8), (23, 122, 5), (43, 111, -6), (58, 95, -22), (65, 79, -42), (72, 65, -60), (76, 52, -78)),
]
BELOW_NOSE: list[Row] = [
    ((0, 51, 34), (20, 50, 24), (41, 45, 10), (60, 38, -12), (69, 28, -38), (74, 12, -62), (78, -4, -84)),
    ((0, 59, 37), (21, 57, 28), (42, 51, 12), (60, 44, -11), (69, 34, -38), (74, 20, -62), (78, 5, -84)),
    ((0, 68, 38), (22, 65, 30), (43, 58, 14), (60, 51, -10), (69, 41, -37), (74, 28, -62), (78, 14, -84)),
    ((0, 79, 37), (23, 75, 30), (44, 67, 14), (60, 58, -11), (69, 49, -37), (74, 37, -62), (78, 24, -84)),
    ((0, 93, 35), (23, 88, 28), (44, 78, 12), (59, 67, -13), (69, 58, -38), (74, 46, -62), (78, 33, -82)),
    ((0, 110, 28), (23, 104, 22), (42, 92, 6), (57, 79, -17), (67, 68, -40), (73, 56, -60), (77, 43, -80)),
    ((0, 127, 6), (22, 122, 3), (41, 109, -8), (55, 93, -24), (65, 79, -43), (72, 65, -60), (76, 52, -78)),
]
ON_CHIN: list[Row] = [
    ((0, 92, 25), (21, 89, 17), (40, 78, 4), (57, 64, -18), (67, 46, -42), (73, 24, -63), (78, 0, -84)),
    ((0, 99, 27), (22, 95, 20), (42, 84, 5), (58, 69, -18), (68, 52, -42), (74, 31, -63), (78, 9, -84)),
    ((0, 106, 27), (22, 102, 20), (42, 90, 5), (58, 75, -19), (68, 58, -42), (74, 38, -63), (78, 17, -84)),
    ((0, 113, 25), (22, 108, 18), (42, 96, 3), (57, 80, -21), (67, 64, -43), (74, 45, -63), (78, 26, -84)),
    ((0, 119, 20), (22, 114, 14), (41, 102, 0), (56, 85, -24), (67, 70, -45), (73, 52, -63), (78, 34, -82)),
    ((0, 126, 13), (21, 121, 7), (40, 108, -6), (55, 91, -29), (66, 76, -48), (73, 59, -62), (77, 43, -80)),
    ((0, 131, 3), (21, 126, -2), (39, 113, -14), (54, 96, -35), (65, 81, -52), (72, 66, -62), (76, 52, -78)),
]


def grid(rows: list[Row], bulge: float = 0.0, ridge: float = 0.0) -> Field:
    """Both halves of the control rows, (7, 13, 3) mm, ear to ear.

    Args:
        bulge: mm by which the middle of the mask stands farther from the face (moulded cups).
        ridge: extra mm along the vertical middle line only (folded masks with a beak).
    """
    half = np.array(rows, dtype=np.float64)
    for row, weight in enumerate((0.0, 0.35, 0.75, 1.0, 0.9, 0.5, 0.0)):
        for column, across in enumerate((1.0, 0.85, 0.4)):
            half[row, column, 2] += bulge * weight * across
            half[row, column, 0] += 0.35 * bulge * weight * (across < 1.0) * across
        half[row, 0, 2] += ridge * weight
    mirrored = half[:, :0:-1] * np.array([-1.0, 1.0, 1.0])
    return np.concatenate([mirrored, half], axis=1)


def smooth(edge0: float, edge1: float, x: Field) -> Field:
    """0 below edge0, 1 above edge1, a cubic in between (also for edge0 > edge1)."""
    t = np.clip((x - edge0) / (edge1 - edge0), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def bump(x: Field, centre: float | Field, width: float) -> Field:
    """A Gaussian ridge of standard deviation `width`."""
    return np.asarray(np.exp(-0.5 * ((x - centre) / width) ** 2))


def cloud(seed: int, scale: tuple[float, float], shape: tuple[int, int]) -> Field:
    """Smooth noise of zero mean and unit deviation; `scale` = feature size in texels (down, across)."""
    rng = np.random.Generator(np.random.Philox(seed))
    h, w = (max(2, round(n / s)) for n, s in zip(shape, scale, strict=True))
    field = cv2.resize(rng.standard_normal((h, w)), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / field.std())


class Canvas:
    """Fabric coordinates of every texel, `s` mm from the middle (right positive) and `t` mm from the top row; the relief so far."""

    def __init__(self, control: Field) -> None:
        shape = (HEIGHT * SUPER, WIDTH * SUPER)
        v, u = np.meshgrid((np.arange(shape[0]) + 0.5) / shape[0], (np.arange(shape[1]) + 0.5) / shape[1], indexing="ij")
        self.shape, self.v, self.s, self.t = shape, v, (2 * u - 1) * HALF, v * TALL
        self.a = np.abs(self.s)
        self.height = np.zeros(shape)  # mm of relief above the fabric
        self.dark = np.ones(shape)  # creases, ambient occlusion
        self.alpha = np.zeros(shape)
        self.ink = np.full(shape, 0.5)  # 0 trim, 0.5 main colour, 1 second colour
        fine = cv2.resize(control, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
        fine = cv2.GaussianBlur(fine, (0, 0), 9)
        du, dv = np.gradient(fine, axis=1), np.gradient(fine, axis=0)
        normal = np.cross(du, dv)
        self.normal = normal / (np.linalg.norm(normal, axis=2, keepdims=True) + 1e-9)

    def add(self, part: Field, *, ink: float = 0.5) -> None:
        """Union of a part's alpha (0..1), in one ink."""
        fresh = part > self.alpha  # the whole soft edge, and no pixel of what is there already
        self.ink = np.where(fresh & (self.alpha < 0.5), ink, self.ink)
        self.alpha = np.maximum(self.alpha, part)

    def band(self, points: list[tuple[float, float]], width: float) -> Field:
        """A soft-edged band along a polyline of (s, t) mm, mirrored to both sides."""
        out = np.full(self.shape, 1e9)
        for (s0, t0), (s1, t1) in pairwise(points):
            ds, dt = s1 - s0, t1 - t0
            k = np.clip(((self.a - s0) * ds + (self.t - t0) * dt) / (ds * ds + dt * dt), 0, 1)
            out = np.minimum(out, np.hypot(self.a - s0 - k * ds, self.t - t0 - k * dt))
        return smooth(width / 2 + 0.3, width / 2 - 0.3, out)

    def render(self, *, gloss: float = 0.0) -> npt.NDArray[np.uint8]:
        """(HEIGHT, WIDTH, 4) uint8: shade, side, ink, alpha."""
        mm_across, mm_down = 2 * HALF / self.shape[1], TALL / self.shape[0]
        gy, gx = np.gradient(self.height, mm_down, mm_across)
        n = self.normal.copy()
        # The relief tilts the normal along the fabric's own directions, here close enough to x and y.
        n[..., 0] -= gx * 0.9
        n[..., 1] -= gy * 0.9
        n /= np.linalg.norm(n, axis=2, keepdims=True)
        light = np.array([0.0, -0.4, 0.917])
        lambert = np.clip(n @ light, 0, 1)
        sky = 0.5 - 0.5 * n[..., 1]
        shade = (0.60 + 0.40 * lambert + 0.12 * sky) * self.dark
        half_way = np.array([0.0, -0.259, 0.966])
        shade = shade + gloss * np.clip(n @ half_way, 0, 1) ** 24
        out = np.stack([np.clip(shade, 0, 1), 0.5 + 0.5 * n[..., 0], self.ink, self.alpha], axis=-1)
        image = np.rint(np.clip(out, 0, 1) * 255).astype(np.uint8)
        return np.asarray(cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def wrinkles(c: Canvas, seed: int, amount: float) -> None:
    """A few broad folds, tension lines towards the corners where loops pull, and finer gathers close to them."""
    c.height += amount * 1.5 * cloud(seed, (130, 200), c.shape)
    for k, (start, slope) in enumerate(((58.0, -0.42), (68.0, 0.36))):
        line = start + slope * (c.a - 15) + 5 * cloud(seed + 20 + k, (400, 200), c.shape)
        c.height += 1.1 * amount * bump(c.t, line, 5.0) * smooth(10, 40, c.a) * (1 + 0.5 * np.sign(c.s) * (-1) ** (k + seed))
    c.dark *= 1 + 0.035 * cloud(seed + 3, (40, 40), c.shape)  # uneven cloth
    c.height += 0.3 * amount * smooth(50, 90, c.a) * cloud(seed + 2, (18, 120), c.shape)


def surgical(c: Canvas, seed: int) -> None:
    """Three pleats, a nose wire, welded side seams, elastic loops to the ears."""
    top = 2.5 + 1.5 * (c.a / 85) ** 2
    bottom = 122.5 - 1.5 * (c.a / 85) ** 2
    body = smooth(-0.4, 0.4, c.t - top) * smooth(-0.4, 0.4, bottom - c.t) * smooth(0.5, -0.5, c.a - 85)
    for k, middle in enumerate((46.0, 68.0, 90.0)):
        # Pleats open in the middle and stay stacked at the seams, where they gather.
        line = middle + (68 - middle) * 0.16 * (c.a / 85) ** 2 + 1.2 * cloud(seed + 10 + k, (400, 130), c.shape)
        gap = c.t - line
        lip = smooth(-11, 0, gap)
        depth = 1.2 + 0.4 * (c.a / 85) ** 2
        c.height += depth * lip * smooth(1.6, -1.0, gap)
        c.dark *= 1 - 0.20 * smooth(-0.6, 0.6, gap) * np.exp(-np.clip(gap, 0, None) / 2.2)
        c.dark *= 1 + 0.05 * bump(gap, -2.0, 1.5)
    wrinkles(c, seed, 2.0)
    c.height += 0.9 * bump(c.t, top + 6, 2.2) * smooth(52, 46, c.a)  # nose wire
    for offset in (3.0, 10.5):  # hem of the folded upper edge
        c.dark *= 1 - 0.16 * bump(c.t, top + offset, 0.7)
    c.dark *= 1 - 0.16 * bump(c.t, bottom - 5, 0.7)
    for offset in (3.0, 7.5):
        weld = 0.5 + 0.5 * np.sign(np.sin(c.t * 2.2))
        c.dark *= 1 - 0.10 * bump(c.a, 85 - offset, 0.8) * weld
    c.height -= 2.0 * smooth(74, 85, c.a)
    c.add(body)
    c.add(c.band([(82, 7), (100, 6), (130, 8), (166, 14)], 3.2), ink=0.0)
    c.add(c.band([(82, 117), (100, 116), (130, 113), (166, 108)], 3.2), ink=0.0)
    c.dark *= 1 - 0.08 * smooth(84, 90, c.a)


def folded(c: Canvas, seed: int) -> None:
    """A KN95: a vertical fold, welded rims, tapering sides, flat loops."""
    top = 3 + 34 * np.clip(c.a / 98, 0, 1) ** 1.7
    bottom = 122 - 46 * np.clip(c.a / 98, 0, 1) ** 1.9
    body = smooth(-0.4, 0.4, c.t - top) * smooth(-0.4, 0.4, bottom - c.t) * smooth(0.5, -0.5, c.a - 96)
    c.height += 2.2 * np.exp(-c.a / 5.0)
    c.dark *= 1 - 0.16 * bump(c.a, 0, 0.7)
    rim = np.minimum(c.t - top, bottom - c.t)
    for offset in (3.5, 6.5):
        c.dark *= 1 - 0.10 * bump(rim, offset, 0.55) * (0.6 + 0.4 * np.sign(np.sin(c.s * 2.0)))
    c.height += 1.2 * smooth(0, 8, rim)
    c.height += 0.8 * bump(c.t, top + 12, 3.0) * smooth(40, 32, c.a)
    wrinkles(c, seed, 1.2)
    c.add(body)
    c.add(c.band([(92, 36), (120, 26), (166, 16)], 4.5), ink=0.0)
    c.add(c.band([(92, 78), (120, 90), (166, 104)], 4.5), ink=0.0)
    c.dark *= 1 - 0.08 * smooth(95, 100, c.a)


def panelled(c: Canvas, seed: int, *, valve: bool) -> None:
    """An N95 of three panels: two embossed seams and a middle ridge, a metal nose clip, perhaps a valve, two head straps."""
    top = 3 + 26 * np.clip(c.a / 94, 0, 1) ** 1.8
    bottom = 121 - 36 * np.clip(c.a / 94, 0, 1) ** 2.0
    body = smooth(-0.4, 0.4, c.t - top) * smooth(-0.4, 0.4, bottom - c.t) * smooth(0.5, -0.5, c.a - 92)
    for middle, slope in ((42.0, 0.06), (86.0, -0.08)):
        line = middle + slope * c.a
        c.height += 1.6 * bump(c.t, line, 2.2)
        c.dark *= 1 - 0.13 * bump(c.t, line + 2.2, 1.0)
    c.height += 2.0 * np.exp(-c.a / 5.0)
    c.dark *= 1 - 0.12 * bump(c.a, 0, 0.7)
    rim = np.minimum(c.t - top, bottom - c.t)
    c.height += 1.2 * smooth(0, 7, rim)
    c.dark *= 1 - 0.10 * bump(rim, 4, 0.8)
    wrinkles(c, seed, 1.3)
    c.add(body)
    clip = smooth(0.4, -0.4, np.abs(c.t - top - 9) - 2.2) * smooth(38, 36, c.a)
    c.ink = np.where(clip > 0.5, 0.18, c.ink)
    c.height += 0.8 * clip
    if valve:
        ring = np.hypot(c.s - 26, c.t - 64)
        plate = smooth(13, 12, ring)
        c.ink = np.where(plate > 0.5, 0.0, c.ink)
        c.height += 2.6 * plate - 1.2 * smooth(8.5, 7.5, ring)
        slats = 0.5 + 0.5 * np.sin((c.t - 64) * 1.7)
        c.dark *= 1 - 0.22 * slats * smooth(8, 7, ring) - 0.15 * bump(ring, 13.2, 0.8)
    c.add(c.band([(88, 34), (120, 24), (166, 10)], 5.0), ink=0.0)
    c.add(c.band([(88, 84), (120, 94), (166, 106)], 5.0), ink=0.0)
    c.dark *= 1 - 0.08 * smooth(92, 98, c.a)


def moulded(c: Canvas, seed: int) -> None:
    """Stretch foam in one piece: a middle seam, smooth cheeks, the loops cut out of the same sheet."""
    top = 4 + 13 * np.clip(c.a / 150, 0, 1) ** 1.2 - 3 * bump(c.a, 55, 25)
    bottom = 122 - 30 * np.clip(c.a / 165, 0, 1) ** 1.1 - 4 * bump(c.a, 70, 25)
    body = smooth(-0.4, 0.4, c.t - top) * smooth(-0.4, 0.4, bottom - c.t)
    middle, reach = 0.5 * (top + bottom), 0.5 * (bottom - top)
    hole = ((c.a - 152) / 48) ** 2 + ((c.t - middle) / np.maximum(reach - 12, 4)) ** 2
    body = body * smooth(0.97, 1.03, hole)
    c.height += 1.3 * np.exp(-c.a / 4.0)
    c.dark *= 1 - 0.22 * bump(c.a, 0, 0.8)
    c.height += 0.5 * cloud(seed, (120, 220), c.shape) + 0.45 * smooth(40, 100, c.a) * cloud(seed + 1, (22, 130), c.shape)
    # Tension folds from the cheeks to the loops.
    for tilt in (-0.28, 0.05, 0.34):
        c.height += 0.5 * bump(c.t - tilt * (c.a - 60), 62.0, 3.5) * smooth(55, 85, c.a) * smooth(120, 100, c.a)
    edge = np.minimum(c.t - top, bottom - c.t)
    c.dark *= 1 - 0.10 * bump(edge, 2.2, 0.6)
    c.add(body)


def cloth(c: Canvas, seed: int, pattern: Callable[[Canvas], Field] | None) -> None:
    """Sewn cotton: a middle seam or gathered sides, stitched hem, thin loops, perhaps a print."""
    top = 3 + 9 * np.clip(c.a / 92, 0, 1) ** 1.6 + 1.0 * bump(c.a, 30, 14)
    bottom = 122 - 20 * np.clip(c.a / 92, 0, 1) ** 1.8
    body = smooth(-0.4, 0.4, c.t - top) * smooth(-0.4, 0.4, bottom - c.t) * smooth(0.5, -0.5, c.a - 90)
    c.height += 1.6 * np.exp(-c.a / 5.0)
    c.dark *= 1 - 0.18 * bump(c.a, 0, 0.7)
    wrinkles(c, seed, 2.0)
    edge = np.minimum(np.minimum(c.t - top, bottom - c.t), 90 - c.a)
    stitch = 0.5 + 0.5 * np.sign(np.sin((c.s + c.t) * 1.9))
    c.dark *= 1 - 0.16 * bump(edge, 4.5, 0.5) * stitch
    c.height += 0.9 * smooth(0, 3.5, edge)
    c.add(body)
    c.add(c.band([(88, 16), (120, 12), (166, 14)], 3.6), ink=0.3)
    c.add(c.band([(88, 98), (120, 104), (166, 106)], 3.6), ink=0.3)
    if pattern is not None:
        c.ink = np.where(c.a < 89, 0.5 + 0.5 * pattern(c), c.ink)
    c.dark *= 1 - 0.08 * smooth(89, 95, c.a)


def dots(c: Canvas) -> Field:
    """Staggered dots."""
    row = np.floor(c.t / 9)
    x = np.mod(c.s + 5.5 * np.mod(row, 2), 11) - 5.5
    return smooth(2.6, 2.0, np.hypot(x, np.mod(c.t, 9) - 4.5))


def stripes(c: Canvas) -> Field:
    """Vertical stripes."""
    return smooth(0.25, 0.55, np.sin(c.s * 0.75))


def plaid(c: Canvas) -> Field:
    """Two crossing sets of bands."""
    across, down = smooth(-0.2, 0.2, np.sin(c.s * 0.36)), smooth(-0.2, 0.2, np.sin(c.t * 0.36))
    return 0.5 * across + 0.5 * down


def blossoms(c: Canvas) -> Field:
    """Scattered five-petalled flowers."""
    rng = np.random.Generator(np.random.Philox(77))
    out = np.zeros(c.shape)
    for _ in range(70):
        s, t, size, turn = rng.uniform(-92, 92), rng.uniform(4, 121), rng.uniform(3, 7), rng.uniform(0, 6.3)
        angle, radius = np.arctan2(c.t - t, c.s - s), np.hypot(c.t - t, c.s - s)
        out = np.maximum(out, smooth(0.4, -0.4, radius - size * (0.62 + 0.38 * np.cos(5 * angle + turn))))
    return out


def camouflage(c: Canvas) -> Field:
    """Blotches in two strengths."""
    first, second = cloud(41, (40, 60), c.shape), cloud(42, (30, 46), c.shape)
    return 0.55 * smooth(0.1, 0.25, first) + 0.45 * smooth(0.5, 0.65, second)


def heather(c: Canvas) -> Field:
    """Knitted marl."""
    return np.clip(0.35 + 0.16 * cloud(51, (3, 5), c.shape) + 0.1 * cloud(52, (9, 14), c.shape), 0, 1)


# name: (bulge and ridge of its grid, how it is drawn, gloss)
STYLES: dict[str, tuple[float, float, Callable[[Canvas], None], float]] = {
    "surgical-a": (0.0, 0.0, lambda c: surgical(c, 101), 0.05),
    "surgical-b": (3.0, 0.0, lambda c: surgical(c, 202), 0.05),
    "folded": (10.0, 8.0, lambda c: folded(c, 303), 0.04),
    "panelled": (10.0, 8.0, lambda c: panelled(c, 404, valve=False), 0.03),
    "panelled-valve": (10.0, 8.0, lambda c: panelled(c, 505, valve=True), 0.03),
    "moulded": (5.0, 4.0, lambda c: moulded(c, 606), 0.05),
    "cloth": (4.0, 3.0, lambda c: cloth(c, 707, None), 0.0),
    "cloth-dots": (4.0, 3.0, lambda c: cloth(c, 708, dots), 0.0),
    "cloth-stripes": (4.0, 3.0, lambda c: cloth(c, 709, stripes), 0.0),
    "cloth-plaid": (4.0, 3.0, lambda c: cloth(c, 710, plaid), 0.0),
    "cloth-blossoms": (4.0, 3.0, lambda c: cloth(c, 711, blossoms), 0.0),
    "cloth-camouflage": (4.0, 3.0, lambda c: cloth(c, 712, camouflage), 0.0),
    "cloth-heather": (4.0, 3.0, lambda c: cloth(c, 713, heather), 0.0),
}


def draw(name: str) -> tuple[npt.NDArray[np.uint8], dict[str, object]]:
    """Texture (HEIGHT, WIDTH, 4) uint8 and the JSON content of one style."""
    bulge, ridge, paint, gloss = STYLES[name]
    worn = grid(WORN, bulge, ridge)
    canvas = Canvas(worn)
    paint(canvas)
    grids = {
        "right": worn,
        "below-nose": grid(BELOW_NOSE, 0.4 * bulge, 0.3 * ridge),
        "chin": grid(ON_CHIN, 0.0, 0.0),
    }
    facts: dict[str, object] = {
        "channels": ["shade", "side", "ink", "alpha"],
        "grids": {k: np.round(g, 2).tolist() for k, g in grids.items()},
    }
    return canvas.render(gloss=gloss), facts


def main(folder: Path) -> None:
    """Write all textures and grids into `folder`."""
    for name in STYLES:
        texture, facts = draw(name)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(texture, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 9])
        (folder / f"{name}.json").write_text(json.dumps(facts, separators=(",", ":")) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
