"""Colours of drawn things: mixed from channel textures in integers, chosen and varied when parameters are drawn."""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.occluders.layer import Layer

T = TypeVar("T")
Colour = tuple[int, int, int]

MARGIN = 10  # px around the frame that blurring can bring into it


def colourise(
    layer: Layer, trim: npt.ArrayLike, main: npt.ArrayLike, second: npt.ArrayLike, *, side: float, warm: float = 0.0
) -> Layer:
    """Colours from the channels (shade, side, ink, alpha): trim, main and second colour mixed by ink, then shaded.

    Args:
        layer: of channels; its alpha is kept.
        trim, main, second: colours of ink 0, 128 and 255.
        side: how much brighter than straight ahead surfaces look that face the image's right.
        warm: how much redder half-lit places are (skin).
    """
    levels = np.arange(256, dtype=np.int32)[:, None]
    first, middle, last = (np.array(colour, dtype=np.int32) for colour in (trim, main, second))
    inner, outer = np.minimum(levels, 128), np.maximum(levels - 128, 0)
    mixed = (first * (128 - inner) + middle * (inner - outer) + last * outer + 64) // 128
    tint = np.rint(np.array([1.0, -0.1, -0.35]) * (warm * 256)).astype(np.int32)
    lit = levels + (levels * (255 - levels) * tint) // 65280
    # A little of the shade is sheen: even black things show their form.
    sheen = (levels * levels) // 5100

    shade, facing, ink = (layer.rgba[..., k].astype(np.int32) for k in range(3))
    shade = np.clip((shade * (32768 + round(side * 256) * (facing - 128)) + 16384) // 32768, 0, 255)
    rgba = layer.rgba.copy()
    rgba[..., :3] = np.clip((mixed[ink] * lit[shade] + 127) // 255 + sheen[shade], 0, 255)
    return Layer(rgba, layer.x, layer.y)


def within(layer: Layer, width: int, height: int) -> Layer:
    """The part of a layer inside a frame and `MARGIN` px around it.

    Raises:
        Rejected: there is none.
    """
    h, w = layer.rgba.shape[:2]
    x0, y0 = max(0, -MARGIN - layer.x), max(0, -MARGIN - layer.y)
    x1, y1 = min(w, width + MARGIN - layer.x), min(h, height + MARGIN - layer.y)
    if x0 >= x1 or y0 >= y1:
        raise Rejected("outside", "it lies outside the frame")
    return Layer(layer.rgba[y0:y1, x0:x1], layer.x + x0, layer.y + y0)


def choose(rng: np.random.Generator, weighted: Sequence[tuple[T, float]]) -> T:
    """One of several values, by weight."""
    at = float(rng.random()) * sum(weight for _, weight in weighted)
    for value, weight in weighted:
        at -= weight
        if at < 0:
            return value
    return weighted[-1][0]


def jitter(rng: np.random.Generator, colour: Sequence[int], spread: int = 6) -> Colour:
    """The same colour a little lighter or darker, and a little off, by up to `spread` levels."""
    factor, shift = float(rng.uniform(0.92, 1.06)), rng.integers(-spread, spread + 1, 3)
    r, g, b = (max(8, min(250, round(v * factor) + int(s))) for v, s in zip(colour, shift, strict=True))
    return (r, g, b)


def stored(colour: Sequence[int]) -> npt.NDArray[np.int32]:
    """A colour as read from a manifest.

    Raises:
        ValueError: not three levels from 0 to 255.
    """
    levels = np.array([int(v) for v in colour], dtype=np.int32)
    if levels.shape != (3,) or levels.min() < 0 or levels.max() > 255:
        raise ValueError(f"no colour: {colour}")
    return levels


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
