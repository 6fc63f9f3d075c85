"""Which pixels an occluder hides, where nobody says so: from the difference of a pair, or from a black square's shape.

Everything is integer arithmetic on uint8, so the same pair gives the same mask on every machine.
"""

import cv2
import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected

Image = npt.NDArray[np.uint8]

# Levels of 255, largest of the three channels. Calibrated on LFW pairs saved as JPEG: the table in `docs/importing.md`.
_SEED, _GROW = 32, 10  # of the smoothed difference: surely the occluder; belongs to it where it touches that
_RAW = 12  # of the difference itself, for sharp edges
_SOFT = 64  # alpha of what an occluder only shades
_FAR = 0.1  # share of the frame: what only shades does not reach farther; compression does
_WHOLE = 0.9  # a mask that hides more of the frame is none: the two images show different things

_LEFT_OVER = 16  # given masks that were saved as JPEG have such values where they mean 0
_OCCLUDED = 128  # alpha from which a pixel counts as occluded

_DARK = 48  # level below which a pixel may belong to a black square that was saved as JPEG
_SQUARES = ((20, 20), (15, 15), (15, 10), (10, 15), (10, 10))  # (width, height), px


def from_difference(clean: Image, occluded: Image, *, lossless: bool) -> Image:
    """The mask of a pair, whether lossless or touched by compression.

    Both images are smoothed, for compression adds noise that averages out and an occluder does not. Connected regions in which the
    smoothed difference is large somewhere and nowhere small are the occluder: gaps between them are closed, small holes filled and
    specks dropped. What differs beyond that is a shadow or a soft edge (alpha 64) where both files are lossless and it stays small;
    otherwise it is compression, and counts as visible.

    Args:
        clean: (H, W, 3) uint8 RGB.
        occluded: likewise, of the same size.
        lossless: neither file is a JPEG.

    Returns:
        (H, W) uint8: 255 = occluded, 64 = shaded, 0 = visible.

    Raises:
        Rejected: nothing is hidden (`invisible`), or nearly everything (`different-images`).
    """
    raw = cv2.absdiff(clean, occluded).max(axis=2)
    smooth = cv2.absdiff(*(cv2.GaussianBlur(image, (5, 5), 0) for image in (clean, occluded))).max(axis=2)
    hidden = _regions(raw, smooth)
    if not hidden.any():
        raise Rejected("invisible", "the two images differ by no more than compression does")
    share = int(np.count_nonzero(hidden)) / hidden.size
    if share > _WHOLE:
        raise Rejected("different-images", f"the two images differ in {share:.0%} of the frame: not the same photograph")
    mask = np.where(hidden, np.uint8(255), np.uint8(0))
    rest = (raw > 0) & ~hidden
    if lossless and np.count_nonzero(rest) <= _FAR * rest.size:
        mask[rest] = _SOFT
    return mask


def _regions(raw: Image, smooth: Image) -> npt.NDArray[np.bool_]:
    """The connected regions of a difference (H, W), as it is and smoothed, that are an occluder's."""
    side = max(1, min(raw.shape) // 64)
    grown = np.asarray((smooth > _GROW) & (raw > _RAW), dtype=np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * side + 1, 2 * side + 1))
    grown = np.asarray(cv2.morphologyEx(grown, cv2.MORPH_CLOSE, disc), dtype=np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    seeds = np.bincount(labels.ravel()[(smooth > _SEED).ravel()], minlength=len(stats))
    least = max(4, raw.size // 2000)  # px of a region, and a quarter of them must be sure
    kept = (stats[:, cv2.CC_STAT_AREA] >= least) & (4 * seeds >= least)
    kept[0] = False
    return _filled(kept[labels] & (raw > 0), raw.size // 400)  # closing also rounds corners, where nothing differs


def _filled(hidden: npt.NDArray[np.bool_], most: int) -> npt.NDArray[np.bool_]:
    """Without holes of at most so many pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.asarray(~hidden, dtype=np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] <= most
    small[0] = False  # what is hidden
    return np.asarray(hidden | small[labels], dtype=np.bool_)


def black_square(clean: Image, occluded: Image) -> Image:
    """The mask of a photograph with one black square (or 15×10 rectangle): the place where black explains the difference best.

    Args, returns: as `from_difference`.

    Raises:
        Rejected: no such square (`no-square`).
    """
    gain = cv2.absdiff(clean, occluded).max(axis=2).astype(np.int64) - _GROW
    dark = (occluded.max(axis=2) < _DARK).astype(np.int64)
    best = (0, 0, 0, 0, 0)
    for width, height in _SQUARES:
        if width > gain.shape[1] or height > gain.shape[0]:
            continue
        gains, darks = _window_sums(gain, width, height), _window_sums(dark, width, height)
        gains[darks * 100 < width * height * 75] = 0  # JPEG lets colours bleed into the rim
        y, x = divmod(int(gains.argmax()), gains.shape[1])
        best = max(best, (int(gains[y, x]), x, y, width, height))
    value, x, y, width, height = best
    if not value:
        raise Rejected("no-square", "no black square of 10 to 20 px that the clean photograph lacks: another copy of LFW?")
    mask = np.zeros(gain.shape, np.uint8)
    mask[y : y + height, x : x + width] = 255
    return mask


def _window_sums(values: npt.NDArray[np.int64], width: int, height: int) -> npt.NDArray[np.int64]:
    """Sums over every window, by its upper left corner."""
    total = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    return np.asarray(sums, dtype=np.int64)


def from_file(pixels: Image, *, inverted: bool, lossless: bool) -> Image:
    """The mask that somebody gives.

    Args:
        pixels: (H, W, 3) uint8, as decoded: the largest channel counts. Masks of 0 and 1 are taken for 0 and 255.
        inverted: they say 0 (black) for occluded.
        lossless: not from a JPEG; of one, everything below 16 is taken for 0.

    Returns:
        (H, W) uint8 alpha, 0 = visible.
    """
    mask = pixels.max(axis=2)
    if mask.max() == 1:
        mask = mask * np.uint8(255)
    if inverted:
        mask = np.uint8(255) - mask
    return mask if lossless else np.where(mask < _LEFT_OVER, np.uint8(0), mask)


def check(mask: Image, clean: Image, occluded: Image) -> None:
    """Does a given mask (H, W) lie where a pair (H, W, 3) differs?

    Raises:
        Rejected: it hides nothing (`empty-mask`), or most of what differs lies outside it (`mask-mismatch`).
    """
    if not (mask >= _OCCLUDED).any():
        raise Rejected("empty-mask", "the mask hides no pixel")
    difference = cv2.absdiff(clean, occluded).max(axis=2)
    outside, total = (int(part.sum(dtype=np.int64)) for part in (difference[mask == 0], difference))
    if not total:
        raise Rejected("invisible", "the occluded image equals the clean one")
    if 2 * outside > total:
        detail = f"{outside / total:.0%} of what differs lies where the mask says visible: is black occluded (--invert-masks)?"
        raise Rejected("mask-mismatch", detail)
