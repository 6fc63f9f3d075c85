"""Putting a restored crop back into its photograph: where, how softly, and without a seam.

All decisions fall in the crop's own pixels; only the last step enlarges them to the photograph's. So what is new is no finer than
the crop, and in a photograph whose face is much larger than the crop it is softer than its surroundings.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from occbench.landmarks.alignment import Matrix
from occbench.restoration import Image

Field = npt.NDArray[np.float32]

BLENDS = ("none", "alpha", "poisson")

# Pixels of a crop of 128; larger crops scale them.
_GROW_GIVEN, _GROW_TOLD = 1.0, 2.5  # around the mask: what was given is exact, what a network believes ends too early
_FADE = 3.0  # from there to the untouched photograph
_EDGE = 4.0  # fade at the crop's edge, where an occlusion goes on beyond it
_FRAME = 10.0  # the same where the whole crop is put back
_REACH = 12.0  # how far into a whole crop the correction of its edge is felt

_RIM = 1.5  # width of the rim where photograph and restoration are compared,
_ACROSS, _ALONG = 0.8, 3.0  # and standard deviations of windows for means on either side of it and along it
_STRANGE = 30.0  # levels: what differs from the rest of the rim by more is no measure of colour
_MOST = 64.0  # levels: nor is what differs by more from the restoration
_SAME, _OTHER = 6.0, 20.0  # levels: up to here a method is taken to show what was there, from here on something else
_SEEN = 1.5  # standard deviation of the window in which that is judged, px of a crop of 128

_STEPS = 32  # of the solver, at each level
_ENLARGED = 8  # times, at most, by cubic interpolation; beyond that bilinear
_BAND = 1 << 20  # photograph's pixels at a time


def opacity(mask: Image | None, size: int, told: bool = False) -> Field:
    """How much of the restored crop is put back: 1 on the occlusion and a little around it, 0 on the visible rest.

    Args:
        mask: (S, S) uint8; anything but 0 is occluded (where `told`, 128 and more). None for the whole crop.
        size: S.
        told: the mask is what a method believes, and less exact than one that was given.

    Returns:
        (S, S) float32 in [0, 1].
    """
    unit = size / 128
    edge = np.minimum(np.arange(size, dtype=np.float32) + 0.5, np.arange(size, 0, -1, dtype=np.float32) - 0.5)
    edge = np.minimum(edge[:, None], edge[None, :])
    if mask is None:
        return _smooth(edge / (_FRAME * unit))
    grow = unit * (_GROW_TOLD if told else _GROW_GIVEN)
    fade = 1 - (_distance(_hidden(mask, told)) - grow) / (_FADE * unit)
    return _smooth(np.minimum(fade, edge / (_EDGE * unit)))


def seamless(crop: Image, restored: Image, mask: Image | None, told: bool = False) -> Image:
    """The restored crop in the colours of the photograph around it, as Poisson blending has them (Pérez et al. 2003).

    What is visible is taken from the photograph. Into the hole goes the restoration plus the smoothest field that equals, on the
    hole's rim, the difference between photograph and restoration. A method that gives the visible pixels back untouched has no such
    difference; there it is the step from the one side of the rim to the other. Parts of the rim that differ much more than the rest
    are left out: an occluder sticks out of its mask there, or the face ends, and a strange colour would flood it. A whole crop is
    corrected near its edge only.

    Args:
        crop: (S, S, 3) uint8, of the photograph.
        restored: (S, S, 3) uint8.
        mask: as for `opacity`.
        told: as for `opacity`.

    Returns:
        (S, S, 3) uint8.
    """
    unit = len(crop) / 128
    gap = crop.astype(np.float32) - restored.astype(np.float32)
    if mask is None:
        rim, untouched, decay = opacity(None, len(crop)) < 1, np.zeros(gap.shape[:2], np.bool_), 1 / (_REACH * unit)
    else:
        visible, decay = _distance(_hidden(mask, told)) > (unit * _GROW_TOLD if told else 0), 0.0
        rim = visible & (_distance(~visible) <= max(_RIM * unit, 1.0))  # one pixel at least, or small crops would have no rim
        untouched = visible & (gap == 0).all(axis=2)
        step = _mean(crop, visible, _ACROSS * unit) - _mean(restored, ~visible, _ACROSS * unit)
        gap = np.where(untouched[..., None], step, gap)
    if not rim.any():
        return restored
    trusted = rim & (np.abs(gap - np.median(gap[rim], axis=0)).max(axis=2) <= _STRANGE) & (np.abs(gap).max(axis=2) <= _MOST)
    gap = np.where((trusted & untouched)[..., None], _mean(gap, trusted, _ALONG * unit), gap)
    corrected = np.where(untouched[..., None], crop, np.rint(restored + membrane(gap, trusted, decay)))
    return np.asarray(np.clip(corrected, 0, 255), dtype=np.uint8)


def membrane(values: Field, known: npt.NDArray[np.bool_], decay: float = 0.0) -> Field:
    """The smoothest field through what is known: it solves Laplace's equation elsewhere, without flow over the frame's border.

    From coarse to fine, each level starting with the coarser one's answer (cascadic multigrid): for photographs within a level or
    two of the exact solution, and a tenth of one on average.

    Args:
        values: (H, W, C) float32.
        known: (H, W) bool, where `values` count.
        decay: the field falls to 1/e within 1/`decay` px of what is known; 0 for a field that does not fall.

    Returns:
        (H, W, C) float32: `values` where known, 0 everywhere where nothing is.
    """
    height, width, channels = values.shape
    if known.all() or not known.any():
        return np.where(known[..., None], values, np.float32(0))
    if max(height, width) > 4:
        half = (-(-height // 2), -(-width // 2))
        weights = _halved(known[..., None].astype(np.float32), half)
        sums = _halved(np.where(known[..., None], values, np.float32(0)), half)
        means = (sums / np.maximum(weights, 1e-6)).astype(np.float32)
        coarse = membrane(means, weights[..., 0] > 0, 2 * decay)
        field = cv2.resize(coarse, (2 * half[1], 2 * half[0]), interpolation=cv2.INTER_LINEAR)[:height, :width]
        field = field.reshape(height, width, channels)
    else:
        field = np.zeros_like(values)
    return _relaxed(np.where(known[..., None], values, field), ~known[..., None], 4 + decay * decay)


@dataclass(frozen=True)
class Detail:
    """What a photograph has beyond the resolution of its crop, and where it is still true after the restoration.

    Attributes:
        crop: (S, S, 3) uint8, of the photograph, without the occluder.
        share: (S, S) float32 in [0, 1], of the photograph's difference to the crop that is kept.
    """

    crop: Image
    share: Field


def detail(crop: Image, restored: Image, mask: Image | None, told: bool = False) -> Detail:
    """The photograph's fine detail, to be kept where a restoration shows what the photograph showed.

    Args:
        crop: (S, S, 3) uint8, of the photograph.
        restored: (S, S, 3) uint8, in the photograph's colours.
        mask: as for `opacity`; nothing of what it hides is kept.
        told: as for `opacity`.
    """
    unit = len(crop) / 128
    hidden = np.zeros(crop.shape[:2], np.bool_) if mask is None else _hidden(mask, told)
    crop = np.where(hidden[..., None], restored, crop)
    change: Field = cv2.absdiff(crop, restored).astype(np.float32).mean(axis=2, keepdims=True)
    share = _smooth((_OTHER - _mean(change, ~hidden, _SEEN * unit)[..., 0]) / (_OTHER - _SAME))
    share[_distance(hidden) <= unit * (_GROW_TOLD if told else _GROW_GIVEN)] = 0
    return Detail(crop, share)


def paste(photo: Image, restored: Image, amount: Field, kept: Detail | None, matrix: Matrix) -> Image:
    """A copy of the photograph with the restored crop in its place. Pixels outside the crop, or with `amount` 0, are bit-identical.

    Args:
        photo: (H, W, 3) uint8.
        restored: (S, S, 3) uint8.
        amount: (S, S) float32 in [0, 1]: how much of the restored crop is put in.
        kept: the photograph's detail to be added to it, or None.
        matrix: photograph to crop.

    Returns:
        (H, W, 3) uint8.
    """
    out, size = photo.copy(), len(restored)
    fine, alpha = _resized(restored, matrix), np.rint(amount * 255).astype(np.uint8)
    if kept is not None:
        coarse, share = _resized(kept.crop, matrix), np.rint(kept.share * 255).astype(np.uint8)
    for rows, columns, x, y in _bands(photo.shape[:2], size, matrix):
        below = out[rows, columns].astype(np.int32)
        at = _scaled(x, y, len(fine) / size)
        above = _sample(fine, *at, cv2.BORDER_REPLICATE).astype(np.int32)
        if kept is not None:
            part = _sample(share, x, y, cv2.BORDER_REPLICATE).astype(np.int32)[..., None]
            above += (part * (below - _sample(coarse, *at, cv2.BORDER_REPLICATE)) + 127) // 255
            above = np.clip(above, 0, 255)
        weight = _sample(alpha, x, y, cv2.BORDER_CONSTANT).astype(np.int32)[..., None]
        weight[~_inside(x, y, size)] = 0
        out[rows, columns] = (above * weight + below * (255 - weight) + 127) // 255
    return out


def outward(mask: Image, matrix: Matrix, height: int, width: int) -> Image:
    """A crop's mask in the photograph's pixels: (H, W) uint8, 0 outside the crop.

    Args:
        mask: (S, S) uint8.
        matrix: photograph to crop.
        height: H.
        width: W.
    """
    out = np.zeros((height, width), np.uint8)
    for rows, columns, x, y in _bands((height, width), len(mask), matrix):
        found = _sample(mask, x, y, cv2.BORDER_REPLICATE)
        out[rows, columns] = np.where(_inside(x, y, len(mask)), found, 0)
    return out


def _relaxed(field: Field, free: npt.NDArray[np.bool_], centre: float) -> Field:
    """A few steps of conjugate gradients, each channel for itself, that change `field` where it is `free`."""

    def operator(values: Field) -> Field:
        padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
        around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
        return np.where(free, np.float32(centre) * values - around, np.float32(0))

    residual = -operator(field)
    direction, square = residual, (residual * residual).sum(axis=(0, 1))
    for _ in range(_STEPS):
        image = operator(direction)
        length = square / np.maximum((direction * image).sum(axis=(0, 1)), 1e-12)
        field, residual = field + length * direction, residual - length * image
        before, square = square, (residual * residual).sum(axis=(0, 1))
        direction = residual + square / np.maximum(before, 1e-12) * direction
    return field


def _smooth(ramp: Field) -> Field:
    """A ramp from 0 to 1 without corners."""
    t = np.clip(ramp, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def _hidden(mask: Image, told: bool) -> npt.NDArray[np.bool_]:
    return np.asarray(mask >= 128 if told else mask > 0)


def _distance(hidden: npt.NDArray[np.bool_]) -> Field:
    """Of each pixel to the nearest hidden one, px; very far where there is none."""
    if not hidden.any():
        return np.full(hidden.shape, 1e6, np.float32)
    return np.asarray(cv2.distanceTransform((~hidden).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), dtype=np.float32)


def _mean(image: Image | Field, where: npt.NDArray[np.bool_], deviation: float) -> Field:
    """Means around each pixel of the pixels that lie `where`, weighted by a Gaussian; 0 far from them."""
    weights = where.astype(np.float32)[..., None]
    total, weight = (
        np.asarray(cv2.GaussianBlur(values, (0, 0), deviation)) for values in (image.astype(np.float32) * weights, weights)
    )
    total = total.reshape(image.shape)  # OpenCV drops an axis of one
    return np.asarray(total / np.maximum(weight, 1e-6)[..., None], dtype=np.float32)


def _halved(values: Field, half: tuple[int, int]) -> Field:
    """Means over 2×2 pixels; outside the frame nothing is known, and counts as 0."""
    height, width, channels = values.shape
    padded = np.pad(values, ((0, 2 * half[0] - height), (0, 2 * half[1] - width), (0, 0)))
    return np.asarray(padded.reshape(half[0], 2, half[1], 2, channels).mean(axis=(1, 3)), dtype=np.float32)


def _resized(restored: Image, matrix: Matrix) -> Image:
    """The crop, reduced to the photograph's resolution if that is lower, then enlarged so that bilinear look-ups lose nothing."""
    size, scale = len(restored), 1 / math.hypot(matrix[0], matrix[3])  # scale: photograph's pixels a pixel of the crop
    if scale < 1:
        side = max(1, round(size * scale))
        restored = np.asarray(cv2.resize(restored, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    side = len(restored) * min(_ENLARGED, math.ceil(2 * max(scale, 1)))
    return np.asarray(cv2.resize(restored, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _bands(shape: tuple[int, ...], size: int, matrix: Matrix) -> Iterator[tuple[slice, slice, Field, Field]]:
    """The part of the photograph under the crop, some rows at a time: rows, columns, and where they lie in the crop."""
    a, b, tx, c, d, ty = matrix
    det = a * d - b * c
    ends = (-0.5, size - 0.5)
    corners = [((d * (u - tx) - b * (v - ty)) / det, (a * (v - ty) - c * (u - tx)) / det) for u in ends for v in ends]
    (left, right), (top, bottom) = (
        (max(0, math.floor(min(values))), min(limit, math.ceil(max(values)) + 1))
        for values, limit in zip(zip(*corners, strict=True), (shape[1], shape[0]), strict=True)
    )
    if left >= right:
        return
    xs = np.arange(left, right, dtype=np.float64)
    step = max(1, _BAND // len(xs))
    for start in range(top, bottom, step):
        rows = slice(start, min(bottom, start + step))
        ys = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
        x, y = a * xs + b * ys + tx, c * xs + d * ys + ty
        yield rows, slice(left, right), x.astype(np.float32), y.astype(np.float32)


def _inside(x: Field, y: Field, size: int) -> npt.NDArray[np.bool_]:
    return (np.minimum(x, y) >= -0.5) & (np.maximum(x, y) <= size - 0.5)


def _scaled(x: Field, y: Field, factor: float) -> tuple[Field, Field]:
    """Positions in a crop as positions in the same crop enlarged; pixel centres at integers in both."""
    half, times = np.float32(0.5), np.float32(factor)
    return (x + half) * times - half, (y + half) * times - half


def _sample(image: Image, x: Field, y: Field, border: int) -> Image:
    return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=border, borderValue=0), dtype=np.uint8)
