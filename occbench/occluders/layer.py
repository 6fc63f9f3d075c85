"""One RGBA layer, stacking layers, and laying one over a photograph. Integers with one rounding rule, so always the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Layer:
    """A rectangle of straight-alpha RGBA and where it lies.

    Attributes:
        rgba: (h, w, 4) uint8; RGB is not multiplied by alpha. Alpha 0 visible, 1..127 soft (shadow, edge), >= 128 occluded.
        x, y: output pixel of its top-left corner; it may reach outside the frame.
    """

    rgba: Image
    x: int
    y: int


def planes(rgba: Image) -> list[npt.NDArray[np.int32]]:
    """The channels of an image, each (h, w) int32: arithmetic on planes is many times quicker than on interleaved pixels."""
    return [plane.astype(np.int32) for plane in cv2.split(rgba)]


def interleaved(channels: Sequence[npt.NDArray[np.int32]]) -> Image:
    """The image of such planes, whose values must lie in 0..255."""
    return np.asarray(cv2.merge([plane.astype(np.uint8) for plane in channels]))


def ratio(numerator: npt.NDArray[np.int32], denominator: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The quotient of non-negative planes, rounded half up; numerators below 2²³, denominators from 1.

    float32 counts exactly up to 2²⁴ and divides with correct rounding, so no quotient is taken for its neighbour; it is quicker
    than a division of integers.
    """
    rounded = (numerator + denominator // 2).astype(np.float32)
    return (rounded / denominator.astype(np.float32)).astype(np.int32)


def _divide_255(v: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """v / 255 rounded half up, for 0 <= v <= 65025."""
    return (v + 127) // 255


def over(top: Layer, bottom: Layer) -> Layer:
    """`top` over `bottom` (Porter and Duff 1984), on the union of their rectangles."""
    x, y = min(top.x, bottom.x), min(top.y, bottom.y)
    width = max(top.x + top.rgba.shape[1], bottom.x + bottom.rgba.shape[1]) - x
    height = max(top.y + top.rgba.shape[0], bottom.y + bottom.rgba.shape[0]) - y
    out = np.zeros((height, width, 4), np.uint8)
    h, w = bottom.rgba.shape[:2]
    out[bottom.y - y : bottom.y - y + h, bottom.x - x : bottom.x - x + w] = bottom.rgba
    h, w = top.rgba.shape[:2]
    view = out[top.y - y : top.y - y + h, top.x - x : top.x - x + w]
    *below, ab = planes(view)
    *above, at = planes(top.rgba)
    ab = _divide_255(ab * (255 - at))  # what still shows of the bottom layer
    alpha = at + ab
    whole = np.maximum(alpha, 1)
    view[...] = interleaved([*(ratio(t * at + b * ab, whole) for t, b in zip(above, below, strict=True)), alpha])
    return Layer(out, x, y)


def composite(image: Image, layer: Layer) -> tuple[Image, Image]:
    """Lay a layer over a photograph.

    Args:
        image: (H, W, 3) uint8 RGB.
        layer: may reach outside the frame.

    Returns:
        occluded: (H, W, 3) uint8, bit-identical to `image` wherever alpha is 0.
        mask: (H, W) uint8, the layer's alpha.
    """
    height, width = image.shape[:2]
    occluded, mask = image.copy(), np.zeros((height, width), np.uint8)
    h, w = layer.rgba.shape[:2]
    x0, y0, x1, y1 = max(layer.x, 0), max(layer.y, 0), min(layer.x + w, width), min(layer.y + h, height)
    if x0 >= x1 or y0 >= y1:
        return occluded, mask
    *above, alpha = planes(layer.rgba[y0 - layer.y : y1 - layer.y, x0 - layer.x : x1 - layer.x])
    below = planes(image[y0:y1, x0:x1])
    mixed = [_divide_255(a * alpha + b * (255 - alpha)) for a, b in zip(above, below, strict=True)]
    occluded[y0:y1, x0:x1] = interleaved(mixed)
    mask[y0:y1, x0:x1] = alpha
    return occluded, mask
