"""What a detector looks at (a part of the photograph, reduced) and which of the faces it finds there is the subject."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

Box = tuple[float, float, float, float]

# A photograph that is centred on its subject has it within this fraction of its longer side (40 px of LFW's 250) of its middle.
CENTRE = 0.16


@dataclass(frozen=True)
class View:
    """A rectangle of a photograph at a working scale.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, contiguous.
        left, top: where its upper left corner lies, source pixels (edges, not centres).
        scale: working pixels per source pixel along x and y.
    """

    pixels: npt.NDArray[np.uint8]
    left: int
    top: int
    scale: tuple[float, float]

    @classmethod
    def of(cls, image: npt.NDArray[np.uint8], box: Box, side: int) -> Self:
        """The part of `image` inside `box`, cut at the frame (a pixel at least), reduced by area averaging to `side` at most."""
        height, width = image.shape[:2]
        left, top = (min(max(0, math.floor(edge)), most - 1) for edge, most in zip(box[:2], (width, height), strict=True))
        part = image[top : max(top + 1, min(height, math.ceil(box[3]))), left : max(left + 1, min(width, math.ceil(box[2])))]
        h, w = part.shape[:2]
        if max(h, w) <= side:
            return cls(np.ascontiguousarray(part), left, top, (1.0, 1.0))
        size = (max(1, round(w * side / max(h, w))), max(1, round(h * side / max(h, w))))
        small = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return cls(small, left, top, (size[0] / w, size[1] / h))

    @classmethod
    def of_centre(cls, image: npt.NDArray[np.uint8], share: float, side: int) -> Self:
        """The middle of `image`, `share` of its width and height."""
        height, width = image.shape[:2]
        x, y = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
        return cls.of(image, (x, y, width - x, height - y), side)

    def box_to_source(self, box: Box) -> Box:
        """Edges in working pixels → edges in source pixels."""
        (sx, sy), (left, top, right, bottom) = self.scale, box
        return (self.left + left / sx, self.top + top / sy, self.left + right / sx, self.top + bottom / sy)

    def box_from_source(self, box: Box) -> Box:
        """Edges in source pixels → edges in working pixels."""
        (sx, sy), (left, top, right, bottom) = self.scale, box
        return ((left - self.left) * sx, (top - self.top) * sy, (right - self.left) * sx, (bottom - self.top) * sy)

    def points_to_source(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Points (N, 2) in working pixels → source pixels, pixel centres at integers in both."""
        p = np.asarray(points, dtype=np.float64)
        return np.asarray((p + 0.5) / self.scale + (self.left - 0.5, self.top - 0.5), dtype=np.float64)


def choose(boxes: Sequence[Box], width: int, height: int, centred: bool) -> int | None:
    """Which of the face boxes (edges, source pixels) is the subject's: an index, or None.

    In photographs that are centred on their subject it is the one nearest the middle, and none where even that is farther than
    `CENTRE` from it (a bystander must never be taken instead); in others the largest.
    """

    def off_centre(box: Box) -> float:
        return math.hypot((box[0] + box[2] - width) / 2, (box[1] + box[3] - height) / 2)

    def area(box: Box) -> float:
        return (box[2] - box[0]) * (box[3] - box[1])

    if centred:
        best = min(range(len(boxes)), key=lambda k: (off_centre(boxes[k]), boxes[k]), default=None)
        return best if best is not None and off_centre(boxes[best]) <= CENTRE * max(width, height) else None
    return min(range(len(boxes)), key=lambda k: (-area(boxes[k]), boxes[k]), default=None)
