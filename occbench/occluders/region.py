"""Regions of the image: the face's hull, boxes, and polygons with antialiased edges. What is drawn is drawn in integers."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected

Array = npt.NDArray[np.float64]
Box = tuple[int, int, int, int]

_BITS = 4  # fractional bits of corners
_FINE = 4  # supersampling of edges
_LIMIT = 30_000  # px; whatever lies farther out is drawn at this distance


def hull(points: npt.ArrayLike, width: int, height: int) -> npt.NDArray[np.bool_]:
    """The pixels of a frame inside the convex hull of points (N, 2), corners rounded to 1/16 px: (height, width) bool."""
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(canvas, _fixed(convex(points)), 1, cv2.LINE_8, _BITS)
    return canvas > 0


def convex(points: npt.ArrayLike) -> Array:
    """The corners (M, 2) of the convex hull of points (N, 2), rounded to 1/16 px."""
    corners = cv2.convexHull(_fixed(np.asarray(points, dtype=np.float64)))
    return np.asarray(corners, dtype=np.float64).reshape(-1, 2) / (1 << _BITS)


def face_pixels(points: npt.ArrayLike, width: int, height: int) -> npt.NDArray[np.int64]:
    """The pixels (x, y) of a frame inside the face's hull, row by row: (N, 2), N >= 1.

    Raises:
        Rejected: no part of the face lies inside the frame.
    """
    pixels = np.argwhere(hull(points, width, height))[:, ::-1]
    if len(pixels) == 0:
        raise Rejected("outside", "no part of the face lies inside the frame")
    return pixels


def box(centre: npt.ArrayLike, area: float, aspect: float, width: int, height: int) -> Box:
    """The box of a given area around a centre, in whole pixels, moved (and, where it is larger, cut) to lie inside a frame.

    Args:
        centre: (x, y), px.
        area: px², at least 1.
        aspect: its width over its height, at least 1/20.
        width, height: of the frame, px.

    Returns:
        left, top, width, height.
    """
    area, aspect = max(1.0, area), max(0.05, aspect)
    sides = [
        min(max(1, round(side)), limit)
        for side, limit in zip((math.sqrt(area * aspect), math.sqrt(area / aspect)), (width, height), strict=True)
    ]
    corner = [math.floor(float(c) - (side - 1) / 2 + 0.5) for c, side in zip(np.asarray(centre), sides, strict=True)]
    left, top = (max(0, min(c, limit - side)) for c, side, limit in zip(corner, sides, (width, height), strict=True))
    return left, top, sides[0], sides[1]


def stored_box(value: Sequence[int], width: int, height: int) -> Box:
    """A box as read from a manifest.

    Raises:
        ValueError: it is empty or does not lie inside the frame.
    """
    left, top, w, h = (int(v) for v in value)
    if not (0 <= left < left + w <= width and 0 <= top < top + h <= height):
        raise ValueError(f"no such box in a frame of {width}×{height} px: {value}")
    return left, top, w, h


def bounds(polygons: Sequence[Array], width: int, height: int) -> Box:
    """The smallest box of whole pixels, inside a frame, around polygons (N, 2).

    Raises:
        Rejected: they lie outside the frame.
    """
    corners = np.concatenate(polygons).clip(-_LIMIT, _LIMIT)
    left, top = (max(0, int(v)) for v in np.floor(corners.min(axis=0)))
    right, bottom = (min(limit, int(v) + 1) for v, limit in zip(np.ceil(corners.max(axis=0)), (width, height), strict=True))
    if left >= right or top >= bottom:
        raise Rejected("outside", "it lies outside the frame")
    return left, top, right - left, bottom - top


def coverage(polygons: Sequence[Array], frame: Box) -> npt.NDArray[np.uint8]:
    """How much of each pixel the union of closed polygons covers.

    Args:
        polygons: corners (N, 2) each, px, pixel centres at integers.
        frame: left, top, width, height of the pixels to look at.

    Returns:
        (height, width) uint8, 0 to 255, the mean over 4×4 points a pixel.

    Raises:
        ValueError: a corner that is not a number.
    """
    left, top, width, height = frame
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    corners = _fixed((np.concatenate(polygons) - (left, top) + 0.5) * _FINE - 0.5)
    end = 0
    for polygon in polygons:  # one by one: together, what two of them cover would be left out
        start, end = end, end + len(polygon)
        cv2.fillPoly(fine, [corners[start:end]], 255, cv2.LINE_8, _BITS)
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _fixed(corners: Array) -> npt.NDArray[np.int32]:
    if not np.isfinite(corners).all():
        raise ValueError("a corner that is not a number")
    return np.rint(np.clip(corners, -_LIMIT, _LIMIT) * (1 << _BITS)).astype(np.int32)


def _circle() -> Array:
    """The unit circle in 64 directions, clockwise from (1, 0), by bisection: square roots instead of sines."""
    points = np.array([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)])
    while len(points) < 64:
        between = points + np.roll(points, -1, axis=0)
        between /= np.sqrt(between[:, :1] * between[:, :1] + between[:, 1:] * between[:, 1:])
        points = np.stack([points, between], axis=1).reshape(-1, 2)
    return points


CIRCLE = _circle()
