"""Frames of sunglasses: their outlines in mm, the channel textures drawn from these, and the head grids they are stretched over.

Channels: R shade (up to 192 diffuse, above it a highlight); G lens (255) or frame (0); B on the lens its height (0 top, 255 bottom)
and on the frame the share of the second colour; A alpha. Rows 0 to 207 are the front, 160 mm of arc wide and 65 mm tall; after a
gap, rows 224 to 255 are the material of the temples, whose outline is their grid's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Points = Sequence[tuple[float, float]]

WIDTH, FRONT, GAP, TEMPLE, SUPER = 512, 208, 16, 32, 3
SCALE = WIDTH / 160.0  # texels per mm
TOP = -27.0  # y of the front's first row, mm
DIFFUSE = 192 / 255  # of the shade channel; the rest is highlight


@dataclass(frozen=True)
class Frame:
    """One pair of glasses; its right half in mm (arc from the middle, y down from the pupils).

    Attributes:
        centre, outline: of the lens; the outline's points are relative to the centre and are joined by a smooth curve.
        rim: width above, below, and what the upper outer corner has more.
        bars: bridge and end pieces, (x0, y0, x1, y1, width).
        hinge: arc and y where the temple begins.
        temple: its height at the hinge and at the ear.
        curve: z of the bridge, and how far back the front reaches 70 mm from it.
        bevel: radius of the frame's rounded edge.
        second: what the second colour is for: `tortoise` spots, the `brow`, or nothing.
        rivets: small metal plates at the corners.
    """

    centre: tuple[float, float]
    outline: Points
    rim: tuple[float, float, float]
    bars: Sequence[tuple[float, float, float, float, float]]
    hinge: tuple[float, float]
    temple: tuple[float, float]
    curve: tuple[float, float] = (24.0, 14.0)
    bevel: float = 1.3
    second: str = "tortoise"
    rivets: bool = False


def circle(radius: float) -> Points:
    """Sixteen points of a circle."""
    angles = np.arange(16) * np.pi / 8
    return [(float(radius * np.cos(a)), float(radius * np.sin(a))) for a in angles]


# fmt: off
FRAMES = {
    "aviator": Frame(
        (33.5, 5.5), [(-22, -16), (-7, -20), (11, -20), (25.5, -16), (30.5, -4), (28, 10), (18, 23), (4, 28), (-11, 24), (-21, 12),
                      (-25.5, -3), (-25, -11)],
        (1.3, 1.3, 0), [(0, -12.5, 13, -13, 1.7), (0, -4, 9.5, -1.5, 2.0), (61, -9, 70, -9, 2.4)], (70, -9), (3.4, 2.8),
        bevel=0.8, second="none"),
    "wayfarer": Frame(
        (33, 3), [(-22, -15), (0, -16.5), (22, -17), (27, -11), (24, 6), (16, 18), (0, 20.5), (-14, 18), (-21, 8), (-24.5, -6)],
        (4.8, 2.8, 2.6), [(0, -7, 12, -7, 6.5), (0, -9, 12, -10, 6), (56, -14, 69, -13, 8.5)], (69, -11), (15, 6), rivets=True),
    "round": Frame(
        (32, 4), circle(24.5), (1.5, 1.5, 0), [(0, -4, 9, -1.5, 2.0), (56, -4, 68, -6, 2.4)], (68, -6), (3.4, 2.8),
        bevel=0.8, second="none"),
    "round-bold": Frame(
        (32.5, 4), circle(23.5), (3.6, 3.2, 0.6), [(0, -3, 10, -3, 5.5), (54, -6, 69, -7, 6.0)], (69, -7), (9, 5)),
    "cat-eye": Frame(
        (33, 3),
        [(-22, -11), (-8, -14.5), (10, -16.5), (24, -17.5), (29, -13), (25, 4), (14, 16), (-3, 18.5), (-16, 14), (-23.5, 2)],
        (4.2, 2.6, 3.4), [(0, -6, 12, -7, 5.5), (54, -16, 67, -18.5, 7.0), (58, -13, 70, -14, 6.0)], (69, -14), (9, 4.5)),
    "oversized": Frame(
        (33.5, 5.5),
        [(-22, -18.5), (-6, -22), (12, -22), (26, -17), (31, -2), (28, 14), (17, 24.5), (0, 27), (-15, 24), (-23, 12), (-25, -4)],
        (3.4, 2.8, 1.2), [(0, -6, 12, -6, 6.5), (60, -10, 71, -9, 9.0)], (71, -9), (13, 6), curve=(24.0, 18.0)),
    "square": Frame(
        (33, 4), [(-23, -15.5), (0, -17.5), (22, -17), (27, -12), (27, 4), (23, 17), (8, 21), (-10, 20), (-20, 14), (-24.5, 0)],
        (1.5, 1.4, 0), [(0, -13, 14, -13, 1.6), (0, -5, 10, -3, 1.8), (59, -9, 69, -9, 2.4)], (69, -9), (3.6, 2.8),
        bevel=0.8, second="none"),
    "browline": Frame(
        (33, 3),
        [(-21, -12.5), (0, -14.5), (21, -15), (26, -9), (23.5, 7), (15, 18), (0, 20), (-14, 17.5), (-21.5, 7), (-24.5, -5)],
        (5.4, 1.4, 2.4), [(0, -6.5, 11, -8, 2.4), (56, -13, 69, -12, 7.5)], (69, -11), (8, 5), second="brow"),
    "wrap": Frame(
        (38, 4),
        [(-28, -11), (-14, -16), (6, -17), (24, -15), (35, -10), (38, -2), (31, 8), (15, 15), (-6, 18), (-20, 15), (-28, 3)],
        (3.0, 1.4, 2.0), [(0, -8, 14, -9, 5.0), (66, -6, 78, -5, 9.0)], (77, -5), (13, 7), curve=(25.0, 30.0), second="none"),
    "rimless": Frame(
        (32, 3), [(-22, -14), (0, -15.5), (22, -14.5), (27, -8), (26, 8), (18, 16), (0, 17.5), (-17, 15.5), (-24, 8), (-25.5, -5)],
        (0, 0, 0), [(0, -5, 9, -4, 1.8), (5, -4.5, 11, -4, 2.6), (54, -8, 68, -8, 2.2)], (68, -8), (3.0, 2.6),
        bevel=0.8, second="none"),
}
# fmt: on


def smooth(edge0: float, edge1: float, x: Field) -> Field:
    """0 below edge0, 1 above edge1, a cubic in between (also for edge0 > edge1)."""
    t = np.clip((x - edge0) / (edge1 - edge0), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def cloud(seed: int, size: tuple[float, float], shape: tuple[int, int]) -> Field:
    """Smooth noise of zero mean and unit deviation; `size` of its features in pixels (down, across)."""
    rng = np.random.Generator(np.random.Philox(seed))
    h, w = (max(2, round(n / s)) for n, s in zip(shape, size, strict=True))
    field = cv2.resize(rng.standard_normal((h, w)), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / field.std())


def closed_curve(points: Points) -> Field:
    """Catmull-Rom through the points and back to the first, 32 samples a span, evened out a little, (N, 2)."""
    p1 = np.array(points, dtype=np.float64)
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = (np.arange(32) / 32)[None, :, None]
    a, b, c, d = (p[:, None] for p in (p0, p1, p2, p3))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * (b - c) + d - a) * t * t * t)
    curve = curve.reshape(-1, 2)
    for _ in range(10):
        curve = 0.5 * curve + 0.25 * (np.roll(curve, 5, 0) + np.roll(curve, -5, 0))
    return np.asarray(curve)


def distance(inside: npt.NDArray[np.bool_]) -> Field:
    """How far inside (positive) or outside (negative) a region each supersampled texel lies, mm."""
    parts = [cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for part in (inside, ~inside)]
    return np.asarray((parts[0] - parts[1]) / (SCALE * SUPER), dtype=np.float64)


def draw_frame(frame: Frame) -> Image:
    """(FRONT + GAP + TEMPLE, WIDTH, 4) uint8 channels."""
    shape = (FRONT * SUPER, WIDTH // 2 * SUPER)
    y, x = np.meshgrid(
        TOP + (np.arange(shape[0]) + 0.5) / (SCALE * SUPER), (np.arange(shape[1]) + 0.5) / (SCALE * SUPER), indexing="ij"
    )
    (cx, cy), curve = frame.centre, closed_curve(frame.outline)
    polygon = np.rint((curve + np.array([cx, cy - TOP])) * (SCALE * SUPER * 64)).astype(np.int32)
    lens = cv2.fillPoly(np.zeros(shape, np.uint8), [polygon], 1, shift=6) > 0
    outside = -distance(lens)

    above, below, corner = frame.rim
    width = above + (below - above) * smooth(cy - 10, cy + 8, y)
    width = width + corner * smooth(cx - 8, cx + 24, x) * smooth(cy - 2, cy - 14, y)
    solid = (outside < width) & ~lens if above > 0 else np.zeros(shape, bool)
    for x0, y0, x1, y1, thick in frame.bars:
        k = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2), 0, 1)
        solid |= np.hypot(x - x0 - k * (x1 - x0), y - y0 - k * (y1 - y0)) < thick / 2
    # Where parts meet, corners are filed round.
    whole = np.concatenate([(solid | lens)[:, ::-1], solid | lens], axis=1).astype(np.float64)
    filed = cv2.GaussianBlur(whole, (0, 0), frame.bevel * SCALE * SUPER)[:, shape[1] :] > 0.5
    solid = (solid & filed) | (filed & ~lens) if frame.bevel > 1 else solid
    solid &= (~lens | (above == 0)) & (x < frame.hinge[0] + 0.8)
    if above == 0:
        lens = lens & ~solid

    # Rounded edges, lit from above; the middle line of the face is no edge.
    both = np.concatenate([solid[:, ::-1], solid], axis=1)
    depth = np.clip(distance(both)[:, shape[1] :], 0, frame.bevel) / frame.bevel
    height = cv2.GaussianBlur(frame.bevel * np.sqrt(1 - (1 - depth) ** 2), (0, 0), SUPER * 0.8)
    gy, gx = np.gradient(height, 1 / (SCALE * SUPER))
    norm = np.sqrt(1 + gx * gx + gy * gy)
    facing, up = 1 / norm, gy / norm
    diffuse = np.clip(0.5 + 0.34 * facing + 0.3 * up, 0, 1)
    shine = np.clip(0.62 * up + 0.78 * facing, 0, 1) ** 24
    shine = shine * (0.45 + 0.55 * smooth(-1, 1, cloud(11, (90, 260), shape)))
    if frame.rivets:
        for rx in (59.5, 63.0):
            shine = np.maximum(shine, (np.hypot((x - rx) / 1.0, (y - frame.hinge[1] + 2.5) / 1.8) < 1) * 0.9)

    # A lens is dark at its edge and under the upper rim, which shades it.
    glass = 0.80 + 0.20 * smooth(0, 3.5, -outside)
    glass = glass - 0.12 * smooth(9, 0, y - (cy - 18)) * (above > 0)
    rows = np.where(lens.any(axis=1))[0]
    fall = np.clip((np.arange(shape[0]) - rows[0]) / (rows[-1] - rows[0]), 0, 1)[:, None] * np.ones(shape)
    if frame.second == "tortoise":
        spots = smooth(-0.1, 0.5, cloud(5, (26, 40), shape) + 0.4 * cloud(6, (11, 16), shape))
    elif frame.second == "brow":
        spots = smooth(cy - 2, cy - 4, y)
    else:
        spots = np.zeros(shape)

    shade = np.where(lens, DIFFUSE * glass, DIFFUSE * diffuse + (1 - DIFFUSE * diffuse) * shine)
    filled = lens | solid
    half = np.stack([shade, lens * 1.0, np.where(lens, fall, spots)], axis=-1)
    half = _spread(half, filled)
    half = np.concatenate([half, filled[..., None] * 1.0], axis=-1)
    front = shrink(np.concatenate([half[:, ::-1], half], axis=1), (WIDTH, FRONT))
    return np.concatenate([front, np.zeros((GAP, WIDTH, 4), np.uint8), draw_temple(frame)])


def draw_temple(frame: Frame) -> Image:
    """(TEMPLE, WIDTH, 4) uint8 channels of a bar lit from above, hinge at the left."""
    shape = (TEMPLE * SUPER, WIDTH * SUPER)
    v = ((np.arange(shape[0]) + 0.5) / shape[0])[:, None] * np.ones(shape)
    edge = min(0.5, frame.bevel / frame.temple[0])
    diffuse = 0.84 + 0.14 * smooth(edge, 0, v) - 0.36 * smooth(1 - edge, 1, v)
    shine = 0.55 * smooth(0, 0.5 * edge, v) * smooth(1.3 * edge, 0.6 * edge, v) * smooth(-1.2, 1, cloud(12, (shape[0], 300), shape))
    spots = {
        "tortoise": smooth(-0.1, 0.5, cloud(7, (40, 110), shape) + 0.4 * cloud(8, (20, 40), shape)),
        "brow": np.ones(shape),
        "none": np.zeros(shape),
    }[frame.second]
    shade = DIFFUSE * diffuse + (1 - DIFFUSE * diffuse) * shine
    return shrink(np.stack([shade, np.zeros(shape), spots, np.ones(shape)], axis=-1), (WIDTH, TEMPLE))


def _spread(values: Field, known: npt.NDArray[np.bool_]) -> Field:
    """Values beyond the known region: those of the nearest known texel, so that interpolation at the edge stays clean."""
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros((int(labels.max()) + 1, values.shape[2]))
    table[labels[known]] = values[known]
    return np.asarray(table[labels])


def shrink(values: Field, size: tuple[int, int]) -> Image:
    """Fields in 0..1, (H, W, C), as 8 bits, averaged over areas; `size` = (width, height)."""
    image = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def grids(frame: Frame) -> dict[str, list[list[list[float]]]]:
    """The front (4, 13, 3) and the temple at the image's right (2, 5, 3), head mm."""
    z0, back = frame.curve
    x = np.linspace(0, 80, 4001)
    z = z0 - back * (x / 70) ** 2
    arc = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])

    def at(s: Field | float) -> tuple[Field, Field]:
        return np.sign(s) * np.interp(np.abs(s), arc, x), np.interp(np.abs(s), arc, z)

    columns, rows = np.linspace(-80, 80, 13), TOP + np.linspace(0, FRONT / SCALE, 4)
    fx, fz = at(columns)
    # Lower edges lean towards the cheeks by 7 degrees.
    front = [[[float(a), float(y), float(b - 0.12 * (y + 10))] for a, b in zip(fx, fz, strict=True)] for y in rows]
    hx, hz = (float(v) for v in at(frame.hinge[0]))
    hy, (thick, thin) = frame.hinge[1], frame.temple
    temple = []
    for side in (-0.5, 0.5):
        row = []
        for t in (0.0, 0.25, 0.5, 0.75, 1.0):
            outward = hx + (78.5 - hx) * (1 - (1 - t) ** 2)  # bows out to clear the head, then runs along it
            row.append([outward, hy + (-5 - hy) * t + side * (thick + (thin - thick) * min(1.0, 1.6 * t)), hz + (-84 - hz) * t])
        temple.append(row)
    return {"front": _rounded(front), "temple": _rounded(temple)}


def _rounded(values: list[list[list[float]]]) -> list[list[list[float]]]:
    return [[[round(v, 2) for v in point] for point in row] for row in values]
