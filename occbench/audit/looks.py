"""What an image looks like: 32×32 grays, a hash of 64 bits over them that survives small changes, and how much two grays agree.

Two aligned faces are near-duplicates if their hashes differ in at most `DISTANCE` bits and their grays correlate by at least
`SIMILARITY`. Both were chosen by looking at pairs of LFW: `docs/auditing.md`.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.images import decode_exact, read_bytes

SIDE = 32
DISTANCE = 10
SIMILARITY = 0.97

Grays = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

_BITS = 64
_FREQUENCIES = 12  # of the cosine transform, each way; the 64 lowest are among them
_BLOCK = 4096  # pairs
_COUNTS = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)
_SQUARE = 256  # hashes: how many are compared with how many at a time


def grays(image: npt.NDArray[np.uint8]) -> Grays:
    """An image, (H, W, 3) or (H, W) uint8, shrunk to (32, 32) uint8 by area averaging."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    return np.asarray(cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def look(work: tuple[Path, list[str]]) -> tuple[Grays, npt.NDArray[np.bool_]]:
    """The grays of some images of a data set, (n, 32, 32) uint8, and which of them could be read, (n,) bool.

    Args:
        work: the folder, resolved, and paths in it; links that lead out of it are not followed.
    """
    root, paths = work
    seen = np.zeros((len(paths), SIDE, SIDE), np.uint8)
    readable = np.zeros(len(paths), np.bool_)
    for number, path in enumerate(paths):
        try:
            real = (root / path).resolve(strict=True)
            if real.is_relative_to(root):
                seen[number], readable[number] = grays(decode_exact(read_bytes(real))), True
        except (OSError, RuntimeError, Rejected):  # RuntimeError: a loop of symbolic links
            pass
    return seen, readable


def hashes(seen: Grays) -> Hashes:
    """A hash of each image: the signs of the 64 lowest frequencies of its cosine transform, the mean left out.

    Brightness and contrast change nothing, small shifts, noise and JPEG a few bits.

    Args:
        seen: (N, 32, 32) uint8.

    Returns:
        (N,) uint64.
    """
    frequency, place = np.arange(_FREQUENCIES)[:, None], np.arange(SIDE)[None]
    waves = np.cos(np.pi * (2 * place + 1) * frequency / (2 * SIDE))
    across, down = np.mgrid[:_FREQUENCIES, :_FREQUENCIES]
    lowest = np.lexsort((across.ravel(), (across + down).ravel()))[1 : _BITS + 1]
    amounts = (waves @ seen.astype(np.float64) @ waves.T).reshape(len(seen), -1)[:, lowest]
    return np.packbits(np.ascontiguousarray(amounts > 0), axis=1).view(">u8")[:, 0].astype(np.uint64)


def flat(seen: Grays) -> npt.NDArray[np.bool_]:
    """Which of (N, 32, 32) images are of one gray throughout, so that there is nothing to compare: (N,) bool."""
    return np.asarray(seen.max(axis=(1, 2)) == seen.min(axis=(1, 2)))


def similarity(one: Grays, other: Grays) -> npt.NDArray[np.float32]:
    """How much grays agree, pair by pair: their correlation, 1 for equal up to brightness and contrast, 0 for flat ones.

    Args:
        one, other: (N, 32, 32) uint8.
    """
    a, b = (_centred(seen) for seen in (one, other))
    return np.asarray(np.einsum("ij,ij->i", a, b), dtype=np.float32)


def close_pairs(found: Hashes, distance: int = DISTANCE) -> Iterator[tuple[Positions, Positions]]:
    """All pairs of hashes that differ in at most so many bits, each pair once, in an order that depends on the hashes only.

    Cut into one band more than bits may differ, two such hashes agree in at least one band. So only those are compared that do.

    Args:
        found: (N,) uint64.
        distance: at most 63 bits.

    Yields:
        Positions of the two, the lower ones first, (n,) each.
    """
    edges = np.linspace(0, _BITS, distance + 2).astype(int)
    masks = [np.uint64(((1 << high) - (1 << low)) & (2**_BITS - 1)) for low, high in pairwise(edges.tolist())]
    for number, mask in enumerate(masks):
        order = np.argsort(found & mask, kind="stable")
        ordered = found[order]
        cuts = np.flatnonzero(np.diff(ordered & mask)) + 1
        for start, end in zip([0, *cuts], [*cuts, len(found)], strict=True):
            for one, other in _squares(start, end):
                difference = ordered[one, None] ^ ordered[None, other]
                places = np.flatnonzero(_ones(difference) <= distance)  # faster than nonzero in two dimensions
                rows, columns = np.divmod(places, difference.shape[1])
                rows, columns, differ = rows + one.start, columns + other.start, difference.ravel()[places]
                # Each pair once: not with itself, and not where an earlier band agrees.
                new = (rows < columns) & np.logical_and.reduce(
                    [(differ & earlier) != 0 for earlier in masks[:number]], initial=True
                )
                if new.any():
                    yield order[rows[new]], order[columns[new]]


def alike(
    seen: Grays, found: Hashes, usable: Positions, distance: int = DISTANCE, least: float = SIMILARITY
) -> Iterator[tuple[Positions, Positions, npt.NDArray[np.float32]]]:
    """Near-duplicates: pairs with close hashes whose grays agree. Of images with equal hashes only the first is compared with all
    others, and the rest with it.

    Args:
        seen: (N, 32, 32) uint8; may lie on a disk.
        found: (N,) uint64, their hashes.
        usable: positions of those that are to be compared, ascending.
        distance, least: thresholds.

    Yields:
        Positions of the two, the lower ones first, and their similarity, (n,) each.
    """
    distinct, first, which = np.unique(found[usable], return_index=True, return_inverse=True)
    first = usable[first]
    again = np.flatnonzero(first[which] != usable)

    def candidates() -> Iterator[tuple[Positions, Positions]]:
        yield first[which[again]], usable[again]
        for one, other in close_pairs(distinct, distance):
            yield np.minimum(first[one], first[other]), np.maximum(first[one], first[other])

    for ones, others in candidates():
        for start in range(0, len(ones) or 1, _BLOCK):
            one, other = ones[start : start + _BLOCK], others[start : start + _BLOCK]
            agreement = similarity(seen[one], seen[other])
            enough = agreement >= least
            yield one[enough], other[enough], agreement[enough]


def _centred(seen: Grays) -> npt.NDArray[np.float32]:
    rows = np.asarray(seen).reshape(len(seen), SIDE * SIDE).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length == 0, 1, length), dtype=np.float32)


def _squares(start: int, end: int) -> Iterator[tuple[slice, slice]]:
    """Pairs of stretches that together cover every pair of positions from `start` to `end`."""
    for row in range(start, end, _SQUARE):
        for column in range(row, end, _SQUARE):
            yield slice(row, min(row + _SQUARE, end)), slice(column, min(column + _SQUARE, end))


def _ones(numbers: Hashes) -> npt.NDArray[np.uint8]:
    """How many bits are set."""
    if hasattr(np, "bitwise_count"):  # from NumPy 2 on
        return np.bitwise_count(numbers)
    return np.asarray(_COUNTS[numbers.view(np.uint16).reshape(*numbers.shape, 4)].sum(axis=-1, dtype=np.uint8))
