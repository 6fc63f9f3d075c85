"""Colours of drawn things: mixed from channel textures in integers, chosen and varied when parameters are drawn."""

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.occluders.layer import Layer, interleaved, planes

T = TypeVar("T")
Colour = tuple[int, int, int]

_WARM = (1.0, -0.1, -0.35)  # how much the channels gain where warm skin is half lit
_SHADOW = (24, 14, 12)
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
    levels = np.arange(256, dtype=np.int32)
    inner, outer = np.minimum(levels, 128), np.maximum(levels - 128, 0)
    # A little of the shade is sheen: even black things show their form.
    sheen = (levels * levels) // 5100
    shade, facing, ink, alpha = planes(layer.rgba)
    shade = np.clip((shade * (32768 + round(side * 256) * (facing - 128)) + 16384) // 32768, 0, 255)
    out = []
    for first, middle, last, redder in zip(*(np.asarray(c).tolist() for c in (trim, main, second)), _WARM, strict=True):
        mixed = (first * (128 - inner) + middle * (inner - outer) + last * outer + 64) // 128
        lit = levels + (levels * (255 - levels) * round(redder * (warm * 256))) // 65280
        out.append(np.clip((mixed[ink] * lit[shade] + 127) // 255 + sheen[shade], 0, 255))
    return Layer(interleaved([*out, alpha]), layer.x, layer.y)


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


def contact_shadow(layer: Layer, scale: float, *, reach: float = 4.0, drop: float = 2.5, strength: int = 26) -> Layer:
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
    alpha = cv2.copyMakeBorder(layer.rgba[..., 3], pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    blurred = cv2.GaussianBlur(alpha, (2 * pad + 1, 2 * pad + 1), sigma, borderType=cv2.BORDER_CONSTANT)
    shadow = (blurred.astype(np.int32) * strength + 127) // 255
    rgba = interleaved([*(np.full_like(shadow, level) for level in _SHADOW), shadow])
    return Layer(rgba, layer.x - pad, layer.y - pad + round(drop * scale))
