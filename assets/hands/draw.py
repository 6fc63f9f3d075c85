"""Draw the hand textures: `python -m occbench.assets.hands.draw [FOLDER]`.

A hand is sculpted as a height field: limbs are chains of spheres, the surface is what of them is nearest to the camera, and shading,
creases and nails follow from it. The channels of a texture are what colours are mixed from (see `occbench/occluders/paint.py`): R
shade under light from above the camera, G how far the surface faces the image's right (128 = not at all), B ink (0 sleeve, 128 skin,
255 nail; between the last two reddened skin), A alpha. The forearm leaves through the bottom edge, straight down, so that repeating
the last row prolongs it. All hands are the subject's right; coordinates are mm, x to the right and y down in the image, z towards
the camera.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
Joint = tuple[float, float, float, float]  # x, y, z, radius

SCALE, SUPER = 2, 2  # texture px per mm, and how much finer the sculpture is
FLOOR = -60.0  # height where there is nothing
SLEEVE = 62.0  # mm from the wrist to the cuff


def smooth(edge0: float, edge1: float, x: Field) -> Field:
    """0 below edge0, 1 above edge1, a cubic in between (also for edge0 > edge1)."""
    t = np.clip((x - edge0) / (edge1 - edge0), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur, `sigma` in mm; wide ones on a coarser grid."""
    pixels, coarse = sigma * SCALE * SUPER, 4 if sigma > 2 else 1
    if coarse == 1:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), pixels))
    small = cv2.resize(field, (field.shape[1] // coarse, field.shape[0] // coarse), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), pixels / coarse)
    return np.asarray(cv2.resize(small, (field.shape[1], field.shape[0]), interpolation=cv2.INTER_LINEAR))


def cloud(seed: int, scale: tuple[float, float], shape: tuple[int, int]) -> Field:
    """Smooth noise of zero mean and unit deviation; `scale` = feature size in mm (down, across)."""
    rng = np.random.Generator(np.random.Philox(seed))
    h, w = (max(2, round(n / (s * SCALE * SUPER))) for n, s in zip(shape, scale, strict=True))
    field = cv2.resize(rng.standard_normal((h, w)), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray((field - field.mean()) / field.std())


class Limb(NamedTuple):
    """A chain of spheres inside a window of the sculpture: height, mm along the chain, offset across it in radii."""

    part: tuple[slice, slice]
    height: Field
    along: Field
    across: Field


class Sculpture:
    """The clay: a height field over a rectangle of the image.

    Args:
        left, top, right, bottom: of the rectangle, mm.
        spin: degrees by which everything is turned about the y axis, the side towards the camera to the image's left.
    """

    def __init__(self, left: float, top: float, right: float, bottom: float, spin: float = 0.0) -> None:
        fine = SCALE * SUPER
        self.spin = math.cos(math.radians(spin)), math.sin(math.radians(spin))
        self.left, self.top = left, top
        self.shape = (round((bottom - top) * fine), round((right - left) * fine))
        self.x = (np.arange(self.shape[1]) + 0.5) / fine + left
        self.y = (np.arange(self.shape[0]) + 0.5) / fine + top
        self.z = np.full(self.shape, FLOOR)
        self.ink = np.full(self.shape, 0.5)
        self.dark = np.ones(self.shape)
        self.gloss = np.full(self.shape, 0.05)
        self.relief = np.zeros(self.shape)

    def sweep(self, joints: Sequence[Joint]) -> "Limb":
        """Spheres along a chain of joints."""
        fine = SCALE * SUPER
        c, s = self.spin
        joints = [(x * c - z * s, y, x * s + z * c, r) for x, y, z, r in joints]

        def window(x: float, y: float, r: float) -> tuple[int, int, int, int]:
            edges = ((y - r - self.top, 0), (y + r - self.top, 0), (x - r - self.left, 1), (x + r - self.left, 1))
            i0, i1, j0, j1 = (min(max(0, round(v * fine)), self.shape[axis]) for v, axis in edges)
            return i0, i1, j0, j1

        windows = [window(x, y, r) for x, y, _, r in joints]
        top, bottom = min(w[0] for w in windows), max(w[1] for w in windows)
        left, right = min(w[2] for w in windows), max(w[3] for w in windows)
        xs, ys = self.x[left:right], self.y[top:bottom]
        height = np.full((len(ys), len(xs)), FLOOR)
        along, across = np.zeros(height.shape), np.zeros(height.shape)
        start = 0.0
        for a, b in zip(joints, joints[1:], strict=False):
            length = math.dist(a[:3], b[:3])
            flat = math.hypot(b[0] - a[0], b[1] - a[1]) or 1.0
            tx, ty = (b[0] - a[0]) / flat, (b[1] - a[1]) / flat
            for t in np.linspace(0, 1, max(2, math.ceil(length / 0.8))):
                x, y, z, r = (p + (q - p) * t for p, q in zip(a, b, strict=True))
                i0, i1, j0, j1 = window(x, y, r)
                part = (slice(i0 - top, i1 - top), slice(j0 - left, j1 - left))
                dx, dy = xs[None, part[1]] - x, ys[part[0], None] - y
                inside = r * r - dx * dx - dy * dy
                surface = z + np.sqrt(np.maximum(inside, 0))
                better = (inside > 0) & (surface > height[part])
                height[part] = np.where(better, surface, height[part])
                along[part] = np.where(better, start + t * length + dx * tx + dy * ty, along[part])
                across[part] = np.where(better, (dy * tx - dx * ty) / r, across[part])
            start += length
        return Limb((slice(top, bottom), slice(left, right)), height, along, across)

    def join(self, part: tuple[slice, slice], height: Field, soft: Field | float) -> npt.NDArray[np.bool_]:
        """Add a surface inside a window, its meeting line rounded over `soft` mm; where it is now on top."""
        z = self.z[part]
        soft = np.maximum(soft, 1e-3)
        both = (z > FLOOR) & (height > FLOOR)
        over = height > z
        self.z[part] = np.maximum(z, height) + np.where(both, soft / 4 * np.maximum(0, 1 - np.abs(z - height) / soft) ** 2, 0)
        return over

    def flesh(self, joints: Sequence[Joint], soft: float = 8.0) -> None:
        """A limb without details."""
        limb = self.sweep(joints)
        self.join(limb.part, limb.height, soft)

    def arm(self, x: float, y: float, z: float, seed: int, *, width: float = 27.0) -> None:
        """Forearm and sleeve, straight down from the wrist and out of the rectangle.

        Args:
            x, y, z: of the wrist.
            seed: of the sleeve's folds.
            width: half the wrist's.
        """
        part, down, off = np.s_[:, :], self.y[:, None] - y, np.abs(self.x[None, :] - x)
        half = width + 9 * smooth(0, 90, down)
        inside = 1 - (off / half) ** 2 - np.clip(-down / 22, 0, None) ** 2
        self.join(part, np.where(inside > 0, z + 19 * np.sqrt(np.maximum(inside, 0)), FLOOR), 12)
        edge = down - SLEEVE - 2.5 * (off / 40) ** 2
        inside = 1 - (off / (width + 14)) ** 2 + 0 * down
        over = self.join(part, np.where((inside > 0) & (edge > 0), z + 25 * np.sqrt(np.maximum(inside, 0)), FLOOR), 0)
        folds = cloud(seed, (26, 60), self.shape) + 0.5 * cloud(seed + 1, (12, 30), self.shape)
        # Towards the last row only what does not change along the arm may remain.
        self.relief += np.where(over, 1.2 * folds, 0) * smooth(self.y[-1] - 4, self.y[-1] - 30, self.y)[:, None]
        self.dark *= np.where(over, 1 - 0.18 * np.exp(-(((edge - 9) / 0.6) ** 2)), 1)
        self.ink = np.where(over, 0.0, self.ink)
        self.gloss = np.where(over, 0.0, self.gloss)

    def finger(self, joints: Sequence[Joint], *, nail: bool = True, root: float = 7.0, bent: bool = False) -> None:
        """Knuckle, two joints and tip, seen from the back of the hand: creases over the joints, a nail at the end.

        Args:
            joints: four of them; the thumb too.
            nail: it faces the camera.
            root: mm over which the finger melts into the hand at its knuckle.
            bent: skin over the joints is stretched, hence smooth and paler.
        """
        limb = self.sweep(joints)
        part, along, across = limb.part, limb.along, limb.across
        marks = np.cumsum([0.0] + [math.dist(a[:3], b[:3]) for a, b in zip(joints, joints[1:], strict=False)])
        over = self.join(part, limb.height, root * smooth(26, 8, along)) & (limb.height > FLOOR)
        dark, ink = np.ones(over.shape), np.full(over.shape, 0.5)
        bow = 1.2 * across * across
        for joint, offsets, depth in ((1, (-3.2, -0.8, 1.6, 3.8), 0.15), (2, (-1.2, 1.2), 0.13)):
            strength = depth * (0.4 if bent else 1.0)
            for k, offset in enumerate(offsets):
                line = np.exp(-(((along - marks[joint] - offset + (bow if k % 2 else -bow)) / 0.55) ** 2))
                dark *= 1 - strength * line * smooth(0.95, 0.55, np.abs(across))
            ink += 0.13 * np.exp(-(((along - marks[joint]) / 6) ** 2)) * smooth(1.0, 0.4, np.abs(across))
        ink = np.maximum(ink, 0.5 + 0.10 * smooth(marks[3] - 16, marks[3] + 4, along))
        if nail:
            u, v = across / 0.62, (along - marks[3] + 2.4) / (0.88 * joints[3][3])
            shape = 1 - np.abs(u) ** 3.2 - np.abs(v) ** 3.2
            plate = smooth(-0.06, 0.10, shape)
            ink = np.maximum(ink, 0.5 + 0.36 * plate)
            dark *= 1 - 0.20 * np.exp(-((shape / 0.16) ** 2))
            self.relief[part] += np.where(over, 0.35 * plate * np.clip(shape, 0, 1), 0)
            self.gloss[part] = np.where(over, np.maximum(self.gloss[part], 0.20 * plate), self.gloss[part])
        self.dark[part] = np.where(over, dark, self.dark[part])
        self.ink[part] = np.where(over, ink, self.ink[part])

    def render(self) -> npt.NDArray[np.uint8]:
        """(H, W, 4) uint8: shade, side, ink, alpha."""
        solid = self.z > FLOOR
        weight = solid.astype(np.float64)
        base = np.where(solid, self.z, 0.0)

        def mean(sigma: float) -> Field:
            return blur(base * weight, sigma) / np.maximum(blur(weight, sigma), 1e-3)

        z = 0.35 * base + 0.65 * mean(0.45) + blur(self.relief, 0.3)
        step = 1 / (SCALE * SUPER)
        gx, gy = np.gradient(z, axis=1) / step, np.gradient(z, axis=0) / step
        # Only slopes inside the hand count; at its outline the spheres turn away by themselves.
        n = np.stack([-gx, -gy, np.ones_like(z)], axis=-1)
        n /= np.linalg.norm(n, axis=2, keepdims=True)
        occlusion = np.ones(self.shape)
        for sigma, amount in ((1.2, 0.11), (3.0, 0.15), (8.0, 0.15)):
            occlusion *= 1 - amount * np.clip((mean(sigma) - base) / sigma, 0, 1.6)
        lambert = np.clip((n @ np.array([0.0, -0.44, 0.898]) + 0.3) / 1.3, 0, 1)
        sky = 0.5 - 0.5 * n[..., 1]
        shade = (0.40 + 0.46 * lambert + 0.15 * sky) * occlusion * self.dark
        shade *= 1 + (0.016 * cloud(9, (1.2, 1.2), self.shape) + 0.025 * cloud(10, (14, 14), self.shape)) * (self.ink >= 0.5)
        shade += self.gloss * np.clip(n @ np.array([0.0, -0.23, 0.973]), 0, 1) ** 18
        # Deep places are red: light that comes out of skin has travelled through it.
        ink = np.where(self.ink >= 0.5, np.minimum(1, self.ink + 0.14 * (1 - occlusion)), self.ink)
        out = np.stack([shade, 0.5 + 0.5 * n[..., 0], ink, weight], axis=-1)
        size = (self.shape[1] // SUPER, self.shape[0] // SUPER)
        out = np.clip(out, 0, 1)
        colour, alpha = out[..., :3] * weight[..., None], cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
        colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA) / np.maximum(alpha, 1e-6)[..., None]
        colour = beyond(colour, alpha)
        return np.rint(np.concatenate([colour, alpha[..., None]], axis=-1) * 255).astype(np.uint8)


def beyond(colour: Field, alpha: Field) -> Field:
    """Colour continued beyond the outline, for it is interpolated there."""
    known = (alpha > 0.02).astype(np.float64)
    out = colour * known[..., None]
    for sigma in (1.5, 4, 12, 60):
        total = cv2.GaussianBlur(known, (0, 0), sigma)
        spread = cv2.GaussianBlur(out * known[..., None], (0, 0), sigma) / np.maximum(total, 1e-6)[..., None]
        fresh = (known == 0) & (total > 1e-3)
        out, known = np.where(fresh[..., None], spread, out), np.maximum(known, fresh)
    return out


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
    """Joints of finger `k`, pointing up, leaning clockwise by `lean` degrees, curling away from the camera by `curl` degrees a joint."""
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
        c.finger(
            [(x, y + 8, -30, r[0] + 2), (x, y, 4, r[0] + 0.8), (0.97 * x, y + 29 - k, 12, r[1] + 0.4), (0.95 * x, y + 40, -2, r[2])],
            nail=False, root=0, bent=True,
        )  # fmt: skip
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
    "on-cheek": (on_cheek, (-53, 64, 10)),
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
