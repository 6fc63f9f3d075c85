"""What a photograph's light, sharpness and grain are like, and making a drawn layer look as if it had been there.

`measure` looks at pixels and its answer is rounded and stored in the manifest; `match` uses the stored numbers only, in integers.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from occbench.landmarks.head import FittedHead
from occbench.occluders.layer import Image, Layer, interleaved, planes, ratio

# Patches of bare skin, as polygons of iBUG points: the cheek at the image's left and right, the bridge of the nose.
_CHEEKS = ((2, 41, 31, 48, 4), (14, 46, 35, 54, 12))
_NOSE = (27, 31, 33, 35)
_TEXTURE_BLUR = 0.95  # px: what sampling a texture blurs anyway, and what the edges of a face have over ideal ones
_NEUTRAL_WHITE = 220.0  # brightest tone of the drawn textures
_USUAL_CAST = np.array([1.14, 0.97, 0.90])  # of a portrait under neutral light: skin is reddish (medians over LFW)


@dataclass(frozen=True, slots=True)
class Photometry:
    """Attributes:
    gain: factors for R, G, B that take a neutral texture into the photograph's exposure and colour cast.
    side: relative change of brightness from the face's centre to its right edge in the image, -0.5..0.5.
    blur: Gaussian sigma in output px that drawn edges need, 0..3.
    grain: standard deviation of the photograph's noise in gray levels, 0..12.
    skin: median skin colour, R, G, B.
    """

    gain: tuple[float, float, float]
    side: float
    blur: float
    grain: float
    skin: tuple[int, int, int]

    @property
    def neutral_skin(self) -> tuple[int, int, int]:
        """The skin's colour under the light that textures are drawn in: `match` turns it into the photograph's."""
        r, g, b = (min(255, round(v / max(gain, 0.1))) for v, gain in zip(self.skin, self.gain, strict=True))
        return (r, g, b)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers for the manifest."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Photometry":
        """The inverse of `to_json`.

        Raises:
            ValueError: fields that are missing, not numbers, or out of range (manifests are untrusted).
        """
        try:
            gain, skin = (tuple(float(v) for v in value[k]) for k in ("gain", "skin"))
            side, blur, grain = (float(value[k]) for k in ("side", "blur", "grain"))
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"incomplete photometry: {error}") from error
        in_range = (
            len(gain) == len(skin) == 3
            and all(0 <= v <= 4 for v in gain)
            and all(0 <= v <= 255 for v in skin)
            and abs(side) <= 0.5
            and 0 <= blur <= 3
            and 0 <= grain <= 12
        )
        if not in_range:
            raise ValueError("photometry out of range")
        return Photometry((gain[0], gain[1], gain[2]), side, blur, grain, (round(skin[0]), round(skin[1]), round(skin[2])))


def measure(image: Image, points: npt.NDArray[np.float64]) -> Photometry:
    """Measure a photograph around its face.

    Exposure: how bright white would be, from the brightest tones of the frame and of the face. Colour: shades-of-gray with p = 6
    (Finlayson and Trezzi 2004), at half strength because faces are not gray. Side light: the two cheeks' medians. Grain: Immerkær
    (1996), with a median in place of the mean so that edges do not count. Sharpness: the ratio of gradients before and after a
    known blur at the strongest edges (Zhuo and Sim 2011).

    Args:
        image: (H, W, 3) uint8 RGB, the clean image in output pixels.
        points: (68, 2) landmarks in the same pixels.
    """
    height, width = image.shape[:2]
    x0, y0 = (max(0, int(v)) for v in np.floor(points.min(axis=0)))
    x1, y1 = (int(v) + 1 for v in np.ceil(points.max(axis=0)))
    x1, y1 = max(x0 + 2, min(width, x1)), max(y0 + 2, min(height, y1))
    face = image[y0:y1, x0:x1]
    if face.shape[0] < 8 or face.shape[1] < 8:
        face, x0, y0 = image, 0, 0
    luma = _luma(face)

    patches = [_inside(points[list(ring)] - (x0, y0), luma.shape) for ring in (*_CHEEKS, _NOSE)]
    cheeks = [luma[p] for p in patches[:2]]
    skin = face[patches[0] | patches[1] | patches[2]]
    if len(skin) < 8:
        skin = face.reshape(-1, 3)
    colour = np.median(skin, axis=0)
    side = 0.0
    if all(len(c) >= 24 for c in cheeks):
        left, right = (float(np.median(c)) for c in cheeks)
        # Cheek centres lie about two thirds of the way from the centre to the edge of the face.
        side = max(-0.35, min(0.35, 0.75 * (right - left) / (right + left + 1)))

    white = 0.35 * _bright(_luma(image), 0.97) + 0.65 * min(255.0, 1.3 * _bright(luma, 0.95))
    exposure = max(95.0, white) / _NEUTRAL_WHITE
    norm = (((image[::2, ::2].reshape(-1, 3) / 255.0) ** 6).mean(axis=0)) ** (1 / 6) + 1e-3
    cast = np.clip((norm / norm.mean() / _USUAL_CAST) ** 0.5, 0.85, 1.15)
    gain = [round(float(exposure * c), 3) for c in cast]
    return Photometry(
        (gain[0], gain[1], gain[2]),
        round(side, 3),
        round(_blur(luma) * 20) / 20,
        round(_grain(luma), 2),
        (int(colour[0]), int(colour[1]), int(colour[2])),
    )


def match(layer: Layer, photometry: Photometry, head: FittedHead, noise: Callable[[int], npt.NDArray[np.uint8]]) -> Layer:
    """The layer in the photograph's light, as sharp and as grainy as the photograph. Integers only.

    Args:
        layer: drawn under neutral light.
        photometry: as stored.
        head: gives the centre and width of the face for the side light, in output px.
        noise: `noise(n)` gives n uniform bytes that belong to this pair.

    Returns:
        A layer up to 3 sigma larger on each side.
    """
    half = 75 * head.pose.scale  # half a face's width, px
    columns = np.arange(layer.rgba.shape[1], dtype=np.float64) + (layer.x - head.pose.origin[0])
    light = 1.0 + photometry.side * np.clip(columns / max(half, 1.0), -1.0, 1.0)
    *colours, alpha = planes(layer.rgba)
    factors = [np.rint(light * gain * 4096).astype(np.int32) for gain in photometry.gain]
    colours = [np.minimum((plane * factor + 2048) >> 12, 255) for plane, factor in zip(colours, factors, strict=True)]

    pad = 0
    if photometry.blur > 0:
        pad = math.ceil(3 * photometry.blur)
        size = (2 * pad + 1, 2 * pad + 1)
        # Premultiplied, so that nothing bleeds in from beyond the edge.
        lit = interleaved([*((plane * alpha + 127) // 255 for plane in colours), alpha])
        padded = cv2.copyMakeBorder(lit, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
        blurred = cv2.GaussianBlur(padded, size, photometry.blur, borderType=cv2.BORDER_CONSTANT)
        *colours, alpha = planes(np.asarray(blurred, dtype=np.uint8))
        whole = np.maximum(alpha, 1)
        colours = [np.minimum(ratio(plane * 255, whole), 255) for plane in colours]
    if photometry.grain > 0:
        strength = np.rint(GAUSSIAN * (photometry.grain / 64)).astype(np.int32)
        grain = strength[noise(alpha.size)].reshape(alpha.shape)
        colours = [np.clip(plane + grain, 0, 255) for plane in colours]
    return Layer(interleaved([*colours, alpha]), layer.x - pad, layer.y - pad)


def _gaussian_table() -> npt.NDArray[np.float64]:
    """64 times the normal quantiles of 256 equal steps, whole numbers, by the normal distribution of the standard library."""
    from statistics import NormalDist

    return np.array([float(round(64 * NormalDist().inv_cdf((k + 0.5) / 256))) for k in range(256)])


GAUSSIAN = _gaussian_table()


def _luma(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _bright(luma: Image, share: float) -> int:
    """The gray level that a share of the pixels does not exceed."""
    counts = np.bincount(luma.reshape(-1), minlength=256)
    return int(np.searchsorted(counts.cumsum(), share * luma.size))


def _inside(polygon: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 1)
    return mask > 0


def _grain(luma: Image) -> float:
    """Standard deviation of white noise in gray levels, at most 12."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    response = np.abs(cv2.filter2D(luma.astype(np.float32), -1, kernel))[1:-1, 1:-1]
    return min(12.0, float(np.median(response)) / (6 * 0.6745))


def _blur(luma: Image) -> float:
    """Gaussian sigma in px that a drawn edge needs to look as sharp as the sharpest edges here."""
    once = cv2.GaussianBlur(luma.astype(np.float32), (7, 7), 1.0)
    energy = []
    for values in (luma.astype(np.float32), once):
        gx, gy = cv2.Sobel(values, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(values, cv2.CV_32F, 0, 1, scale=0.125)
        energy.append(cv2.magnitude(gx, gy))
    strong = energy[0] >= max(4.0, float(np.percentile(energy[0], 96)))
    if int(strong.sum()) < 16:
        return 1.5
    ratio = float(np.percentile(energy[0][strong] / np.maximum(energy[1][strong], 1e-3), 75))
    sigma = 1 / math.sqrt(max(ratio * ratio - 1, 0.04))
    return min(3.0, math.sqrt(max(0.0, sigma * sigma - _TEXTURE_BLUR * _TEXTURE_BLUR)))
