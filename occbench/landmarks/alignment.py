"""The aligned crop: a similarity transform onto a fixed template, and its antialiased resampling.

Template at 128 px (other sizes scale it about the pixel grid's corner): 36 px between the eyes, which lie at (46, 48) and (82, 48);
nose tip and mouth corners where the average head of `head.POINTS` has them when it faces the camera. Ears, chin and the lower edge
of a mask stay inside the frame.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from occbench.landmarks import head

Array = npt.NDArray[np.float64]
Matrix = tuple[float, float, float, float, float, float]

_SCALE = 36 / 63  # px per mm at 128 px
_SAMPLES = 1 << 21  # look-ups at a time
_RIGHT_EYE, _LEFT_EYE, _NOSE, _MOUTH_RIGHT, _MOUTH_LEFT = slice(36, 42), slice(42, 48), 30, 48, 54


def five_points(points: npt.ArrayLike) -> Array:
    """Eye centres, nose tip and mouth corners, the image's left first, (5, 2), of 68 points (68, 2) (or (68, 3))."""
    p = np.asarray(points, dtype=np.float64)
    eyes = [np.array([math.fsum(column) / 6 for column in p[eye].T.tolist()]) for eye in (_RIGHT_EYE, _LEFT_EYE)]
    return np.stack([*eyes, p[_NOSE], p[_MOUTH_RIGHT], p[_MOUTH_LEFT]])


def template(size: int) -> Array:
    """The five template points (5, 2) for a square crop of `size` px; pixel centres at integers."""
    at_128 = five_points(head.POINTS)[:, :2] * _SCALE + np.array([64.0, 48.0])
    return np.asarray((at_128 + 0.5) * (size / 128) - 0.5, dtype=np.float64)


def crop_matrix(five: npt.ArrayLike, size: int) -> Matrix:
    """The similarity that takes five source points (5, 2) to the template; raises as `similarity`."""
    return similarity(five, template(size))


def similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> Matrix:
    """The similarity (a, b, tx, c, d, ty) that takes source points (N, 2) closest to target points (N, 2) in least squares.

    Closed form for two dimensions (Umeyama 1991, without reflection), with exact sums; rounded to 1e-6, as the manifest stores it.

    Raises:
        ValueError: the source points coincide.
    """
    source, target = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    (mx, my), (nx, ny) = ([math.fsum(c) / len(points) for c in points.T.tolist()] for points in (source, target))
    x, y = (source[:, 0] - mx).tolist(), (source[:, 1] - my).tolist()
    u, v = (target[:, 0] - nx).tolist(), (target[:, 1] - ny).tolist()
    spread = math.fsum(p * p + q * q for p, q in zip(x, y, strict=True))
    if spread < 1e-9:
        raise ValueError("identical points: no similarity")
    a = math.fsum(p * s + q * t for p, q, s, t in zip(x, y, u, v, strict=True)) / spread
    b = math.fsum(p * t - q * s for p, q, s, t in zip(x, y, u, v, strict=True)) / spread
    values = (a, -b, nx - (a * mx - b * my), b, a, ny - (b * mx + a * my))
    return tuple(round(value, 6) for value in values)  # type: ignore[return-value]


def apply(matrix: Matrix, points: npt.ArrayLike) -> Array:
    """Points (N, 2) through a 2×3 matrix."""
    p = np.asarray(points, dtype=np.float64)
    a, b, tx, c, d, ty = matrix
    return np.stack([p[:, 0] * a + p[:, 1] * b + tx, p[:, 0] * c + p[:, 1] * d + ty], axis=1)


def crop(image: npt.NDArray[np.uint8], matrix: Matrix, width: int, height: int, *, mirrored: bool = True) -> npt.NDArray[np.uint8]:
    """Resample a photograph through a similarity, antialiased; the same bytes on every machine.

    The output is sampled bilinearly on a k times finer grid, where k is the number of source pixels per output pixel, rounded up,
    and averaged over k×k blocks: a box filter as wide as an output pixel. Photographs more than four times too large are first
    reduced by an integer factor by area averaging.

    Args:
        image: (H, W, 3) uint8.
        matrix: source to output.
        mirrored: what lies outside the frame: the photograph mirrored at its border, as in data sets, where that is little; or its
            border drawn out, which makes no second face of a photograph that is cut tightly.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ValueError: a singular matrix, or one that makes a pixel of the whole photograph.
    """
    a, b, tx, c, d, ty = matrix
    det = a * d - b * c
    if not math.isfinite(det) or abs(det) < 1e-9:
        raise ValueError("singular crop matrix")
    ia, ib, ic, id_ = d / det, -b / det, -c / det, a / det
    step = math.sqrt(abs(1 / det))  # source pixels per output pixel
    if step > min(image.shape[:2]):
        raise ValueError("a crop matrix that makes one pixel of the whole photograph")
    shrink = max(1, int(step / 4))
    if shrink > 1:
        h, w = image.shape[0] // shrink, image.shape[1] // shrink
        image = np.asarray(cv2.resize(image[: h * shrink, : w * shrink], (w, h), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    k = max(1, math.ceil(step / shrink - 1e-3))
    xs = (np.arange(width * k, dtype=np.float64) + 0.5) / k - 0.5 - tx
    ys = (np.arange(height * k, dtype=np.float64) + 0.5) / k - 0.5 - ty
    limit = 32000.0  # what int16 maps can hold; farther away only border is left
    border = cv2.BORDER_REFLECT_101 if mirrored else cv2.BORDER_REPLICATE
    out = np.empty((height, width, 3), np.uint8)
    band = max(1, _SAMPLES // (width * k * k))  # rows at a time, so that memory stays small whatever the crop
    for top in range(0, height, band):
        part = ys[top * k : (top + band) * k]
        sx = (((ia * xs)[None, :] + (ib * part)[:, None]) + 0.5) / shrink - 0.5
        sy = (((ic * xs)[None, :] + (id_ * part)[:, None]) + 0.5) / shrink - 0.5
        fx = np.rint(np.clip(sx, -limit, limit) * 32).astype(np.int32)
        fy = np.rint(np.clip(sy, -limit, limit) * 32).astype(np.int32)
        whole = np.stack([fx >> 5, fy >> 5], axis=-1).astype(np.int16)
        fraction = ((fy & 31) * 32 + (fx & 31)).astype(np.uint16)
        fine = cv2.remap(image, whole, fraction, cv2.INTER_LINEAR, borderMode=border)
        rows = len(part) // k
        out[top : top + rows] = cv2.resize(fine, (width, rows), interpolation=cv2.INTER_AREA) if k > 1 else fine
    return out
