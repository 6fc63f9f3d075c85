"""Textured surfaces in head coordinates, drawn onto the face: what masks, glasses, cups and hands are made of.

A surface is a grid of control points in head space (mm) with a texture stretched over it. It is placed on the fitted head, smoothed
to a finer grid by Catmull-Rom splines, and drawn triangle by triangle from back to front; triangles that face away are left out,
so what lies behind a turned head vanishes by itself. The arithmetic follows the house rule: float64 rational coordinates, rounded
to 1/32 px into fixed-point maps, then OpenCV's integer remap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from occbench.occluders.layer import Image, Layer, interleaved, over, planes, ratio

Array = npt.NDArray[np.float64]

_SHIFT = 6  # fractional bits of polygon corners
_COVER = 4  # supersampling of the outline
# Texture look-ups a pixel, as offsets from its centre; more across, for that is how turned sides are foreshortened.
_SAMPLES = np.array([(dx, dy) for dy in (-0.25, 0.25) for dx in (-0.375, -0.125, 0.125, 0.375)])
_PIXELS = 1 << 14  # looked up at a time: OpenCV's maps must be less than 2¹⁵ wide
_FAR = 1 << 18  # 1/32 texels: farther out lies the same edge, and int16 maps reach it
_MARGIN = 0.02  # of the texture: how far beyond a cell coarser levels and sampling look


class Texture:
    """An RGBA texture with its mip levels.

    Args:
        rgba: (H, W, 4) uint8, straight alpha.
    """

    def __init__(self, rgba: Image) -> None:
        if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8:
            raise ValueError(f"a texture is (H, W, 4) uint8, not {rgba.shape} {rgba.dtype}")
        self.rgba = np.ascontiguousarray(rgba)
        self._filled: dict[tuple[object, int, int], npt.NDArray[np.bool_]] = {}

    def filled(self, region: tuple[float, float, float, float], height: int, width: int) -> npt.NDArray[np.bool_]:
        """Which of (height - 1) × (width - 1) even cells of a region have anything in them; a cell's neighbours count a little."""
        key = (region, height, width)
        if key not in self._filled:
            full_h, full_w = self.rgba.shape[:2]
            (left, right), (top, bottom) = sorted(region[0::2]), sorted(region[1::2])
            cells = np.zeros((height - 1, width - 1), np.bool_)
            for row, column in np.ndindex(cells.shape):
                y = [full_h * (top + (bottom - top) * k / (height - 1)) for k in (row, row + 1)]
                x = [full_w * (left + (right - left) * k / (width - 1)) for k in (column, column + 1)]
                margin = _MARGIN * max(full_h, full_w)
                inside = self.rgba[
                    max(0, int(y[0] - margin)) : int(y[1] + margin) + 1, max(0, int(x[0] - margin)) : int(x[1] + margin) + 1
                ]
                cells[row, column] = bool(inside[..., 3].any())
            if region[0] > region[2]:
                cells = cells[:, ::-1]
            self._filled[key] = cells if region[1] < region[3] else cells[::-1]
        return self._filled[key]

    @cached_property
    def levels(self) -> list[Image]:
        """Colours multiplied by alpha, halved again and again by area averaging, down to 8 px."""
        *colours, alpha = planes(self.rgba)
        out = [interleaved([*((plane * alpha + 127) // 255 for plane in colours), alpha])]
        while min(out[-1].shape[:2]) >= 16:
            h, w = out[-1].shape[:2]
            even = out[-1][: h - h % 2, : w - w % 2]
            out.append(np.asarray(cv2.resize(even, (w // 2, h // 2), interpolation=cv2.INTER_AREA), dtype=np.uint8))
        return out


class Placement(Protocol):
    """Takes a surface's coordinates into the image: a `FittedHead`, or something rigid."""

    def place(self, xyz: npt.ArrayLike, /) -> tuple[Array, Array]:
        """Pixels (N, 2) and depth in mm towards the camera (N,) of points (N, 3) in mm."""
        ...


@dataclass(frozen=True)
class Surface:
    """A grid of head points with a texture over it.

    Attributes:
        grid: (rows, columns, 3) float64 mm, head coordinates; row 0 is the texture's top, column 0 its left.
        texture: stretched evenly over the grid's parameter range.
        two_sided: draw triangles that face away too (a flat cup, a hand); otherwise they are culled.
        steps: fine cells per control cell, (down, across).
        region: part of the texture to use, (left, top, right, bottom) as fractions.
    """

    grid: Array
    texture: Texture
    two_sided: bool = False
    steps: tuple[int, int] = (2, 2)
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


def _refine(grid: Array, steps: int) -> Array:
    """Catmull-Rom subdivision along axis 0: n control rows become (n - 1) * steps + 1 rows; end tangents are one-sided."""
    n = grid.shape[0]
    if steps == 1 or n < 2:
        return grid
    padded = np.concatenate([2 * grid[:1] - grid[1:2], grid, 2 * grid[-1:] - grid[-2:-1]])
    out = np.empty(((n - 1) * steps + 1, *grid.shape[1:]))
    out[::steps] = grid
    p0, p1, p2, p3 = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    for k in range(1, steps):
        t = k / steps
        t2, t3 = t * t, t * t * t
        out[k::steps] = 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t2 + (3 * (p1 - p2) + p3 - p0) * t3)
    return out


def draw(surfaces: Sequence[Surface], head: Placement) -> Layer | None:
    """Draw surfaces in the given order (the last on top).

    Returns:
        One layer, or None where nothing of them faces the camera.
    """
    layer: Layer | None = None
    for surface in surfaces:
        part = _draw_one(surface, head)
        if part is not None:
            layer = part if layer is None else over(part, layer)
    return layer


def _draw_one(surface: Surface, head: Placement) -> Layer | None:
    rows, columns = surface.grid.shape[:2]
    pixels, depth = head.place(surface.grid)
    fine = np.concatenate([pixels, depth[:, None]], axis=1).reshape(rows, columns, 3)
    fine = _refine(fine, surface.steps[0])
    fine = _refine(fine.transpose(1, 0, 2), surface.steps[1]).transpose(1, 0, 2)
    height, width = fine.shape[:2]
    xy = np.rint(fine[..., :2].reshape(-1, 2) * 256) / 256
    z = fine[..., 2].reshape(-1)

    # Two triangles a cell, corners in the order that is counter-clockwise on the screen (y down) when the surface faces us.
    first = (np.arange(height - 1)[:, None] * width + np.arange(width - 1)[None, :])[
        surface.texture.filled(surface.region, height, width)
    ]
    corners = np.concatenate(
        [np.stack([first, first + 1, first + width], axis=1), np.stack([first + 1, first + width + 1, first + width], axis=1)]
    )
    a, b, c = (xy[corners[:, k]] for k in range(3))
    twice_area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    keep = np.abs(twice_area) > 1e-3 if surface.two_sided else twice_area > 1e-3
    if not keep.any():
        return None
    corners, twice_area = corners[keep], twice_area[keep]
    order = np.argsort(z[corners].sum(axis=1), kind="stable")
    corners, twice_area = corners[order], twice_area[order]

    used = xy[corners].reshape(-1, 2)
    x0, y0 = (int(v) for v in np.floor(used.min(axis=0)) - 1)
    x1, y1 = (int(v) for v in np.ceil(used.max(axis=0)) + 2)
    w, h = x1 - x0, y1 - y0
    if w > 8192 or h > 8192:
        return None
    local = xy - np.array([x0, y0])
    index, coverage = _rasterise(local, corners, w, h)

    # Texture level with at most one texel a sample.
    left, top, right, bottom = surface.region
    full_h, full_w = surface.texture.rgba.shape[:2]
    texels = abs(right - left) * full_w * abs(bottom - top) * full_h / ((height - 1) * (width - 1) * 2)
    density = texels / max(float(np.abs(twice_area).mean()) / 2, 1e-6)
    level = 0
    while density > len(_SAMPLES) and level + 1 < len(surface.texture.levels):
        density, level = density / 4, level + 1
    texture = surface.texture.levels[level]
    th, tw = texture.shape[:2]
    u = (left + (right - left) * (corners % width) / (width - 1)) * (tw - 1)
    v = (top + (bottom - top) * (corners // width) / (height - 1)) * (th - 1)

    # Per triangle the affine map from pixel to 1/32 texel, by Cramer's rule; then one look-up a pixel and sample.
    p = local[corners]
    (ax, ay), (bx, by), (cx, cy) = ((p[:, k, 0], p[:, k, 1]) for k in range(3))
    maps = []
    for q in (u, v):
        du1, du2 = q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]
        gx = 32 * ((du1 * (cy - ay) - du2 * (by - ay)) / twice_area)
        gy = 32 * ((du2 * (bx - ax) - du1 * (cx - ax)) / twice_area)
        steps = gx * _SAMPLES[:, :1] + gy * _SAMPLES[:, 1:]  # (samples, triangles)
        steps = np.rint(np.clip(steps, -_FAR, _FAR)).astype(np.int32)
        maps.append((gx, gy, 32 * q[:, 0] - gx * ax - gy * ay, steps))
    rgba = np.zeros((h * w, 4), np.uint8)
    shown = np.flatnonzero(index)
    for first_shown in range(0, len(shown), _PIXELS):
        at = shown[first_shown : first_shown + _PIXELS]
        triangle = index.reshape(-1)[at].astype(np.intp) - 1
        xs, ys = (at % w).astype(np.float64), (at // w).astype(np.float64)
        looked = []
        for gx, gy, start, steps in maps:
            centre = gx[triangle] * xs + gy[triangle] * ys + start[triangle]
            looked.append(np.rint(np.clip(centre, -_FAR, _FAR)).astype(np.int32) + steps.take(triangle, axis=1))
        *colours, total = planes(_look_up(texture, *looked).sum(axis=0, dtype=np.uint16)[None])
        found = [ratio(plane * 255, np.maximum(total, 1)) for plane in colours]
        whole = 255 * len(_SAMPLES)
        rgba[at] = interleaved([*found, (total * coverage.reshape(-1)[at] + whole // 2) // whole])[0]
    return Layer(rgba.reshape(h, w, 4), x0, y0)


def _rasterise(local: Array, corners: npt.NDArray[np.intp], w: int, h: int) -> tuple[npt.NDArray[np.uint16], Image]:
    """Which triangle (from 1, the last drawn wins; 0 none) each of w × h pixels shows, and how much of it is covered (0..255)."""
    fine = np.zeros((h * _COVER, w * _COVER), np.uint16)
    at = np.rint(((local + 0.5) * _COVER - 0.5) * (1 << _SHIFT)).astype(np.int32)[corners]
    for number, triangle in enumerate(at, 1):
        cv2.fillConvexPoly(fine, triangle, number, cv2.LINE_8, _SHIFT)
    # A pixel shows what lies near its centre; one that the outline only grazes borrows a neighbour's triangle.
    index = np.maximum(fine[1::_COVER, 1::_COVER], fine[2::_COVER, 2::_COVER])
    index = np.where(index > 0, index, cv2.dilate(index, np.ones((3, 3), np.uint8)))
    cover = (fine > 0).view(np.uint8) * np.uint8(255)
    return index, np.asarray(cv2.resize(cover, (w, h), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _look_up(texture: Image, x: npt.NDArray[np.int32], y: npt.NDArray[np.int32]) -> Image:
    """Bilinear look-up at (h, w) coordinates in 1/32 texel, w < 2¹⁵, clamped to the edge; (h, w, 4) uint8."""
    whole = np.empty((*x.shape, 2), np.int16)
    whole[..., 0], whole[..., 1] = x >> 5, y >> 5
    fraction = ((y & 31) * 32 + (x & 31)).astype(np.uint16)
    return np.asarray(cv2.remap(texture, whole, fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def sample(texture: Image, map_x: Array, map_y: Array) -> Image:
    """Bilinear look-up of float64 texel coordinates (h, w), rounded to 1/32 texel, clamped to the edge; (h, w, 4) uint8.

    Raises:
        ValueError: coordinates of another shape.
    """
    if map_x.ndim != 2 or map_x.shape != map_y.shape:
        raise ValueError(f"texel coordinates are two (h, w) arrays, not {map_x.shape} and {map_y.shape}")
    h, w = texture.shape[:2]
    x, y = (np.rint(np.clip(values, -1.0, float(end)) * 32).astype(np.int32) for values, end in ((map_x, w), (map_y, h)))
    return _look_up(texture, x, y)
