"""Hands from clay: a height field that limbs are pressed into, with creases, nails and a sleeve, and its rendering to channels.

Coordinates are mm, x to the right and y down in the image, z towards the camera.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
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
        for a, b in pairwise(joints):
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
        marks = np.cumsum([0.0] + [math.dist(a[:3], b[:3]) for a, b in pairwise(joints)])
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
        alpha = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA), dtype=np.float64)
        colour = cv2.resize(out[..., :3] * weight[..., None], size, interpolation=cv2.INTER_AREA)
        colour = beyond(colour / np.maximum(alpha, 1e-6)[..., None], alpha)
        return np.asarray(np.rint(np.concatenate([colour, alpha[..., None]], axis=-1) * 255), dtype=np.uint8)


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
