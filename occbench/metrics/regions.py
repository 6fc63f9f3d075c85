"""Where a metric is taken: the one rule by which an occlusion mask weights pixels, by threshold and never softly.

`mask` is alpha >= 128; `ring` what a disk of 8 px (at 128 px, scaled with the longer side) reaches around it; `visible` alpha 0.
Soft pixels (alpha 1 to 127: shadows, edges) are in none of them unless the ring covers them.
"""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from occbench.metrics import Region

Mask = npt.NDArray[np.bool_]

OCCLUDED = 128
_RING = 8 / 128


def regions(alpha: npt.NDArray[np.uint8]) -> dict[Region, Mask]:
    """The regions of a pair.

    Args:
        alpha: (H, W) uint8 occlusion mask.

    Returns:
        Name to (H, W) bool; any may be empty, but `full`.

    Raises:
        ValueError: not (H, W) uint8; a mask of 0 and 1 would occlude nothing.
    """
    if alpha.ndim != 2 or alpha.dtype != np.uint8:
        raise ValueError(f"an occlusion mask is (H, W) uint8, 255 where occluded, not {alpha.shape} {alpha.dtype}")
    inside = alpha >= OCCLUDED
    radius = round(_RING * max(alpha.shape))
    reached = cv2.dilate(inside.view(np.uint8), _disk(radius), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    return {"full": np.ones(alpha.shape, np.bool_), "mask": inside, "ring": reached & ~inside, "visible": alpha == 0}


@cache
def _disk(radius: int) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(x * x + y * y <= radius * radius, dtype=np.uint8)
