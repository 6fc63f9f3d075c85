"""Is this a face? Geometry that 68 points must have before they are trusted, whoever found them."""

import math

import numpy as np
import numpy.typing as npt

from occbench.errors import Rejected
from occbench.landmarks import head
from occbench.landmarks.alignment import five_points

# Limits, wide of everything that dlib's points show on LFW (13,210 photographs, yaw up to 42°; the extremes there in brackets).
# Lengths are in eye distances unless they say otherwise.
MIN_EYE_DISTANCE = 10.0  # px [17.6]: below, a 128 px crop would enlarge the photograph more than three times
OUTSIDE = 0.5  # how far a landmark may lie outside the frame: a jaw may be cut off, [0.05]
JAW_WIDTH = (1.3, 5.0)  # from ear to ear [1.85, 3.58]
CHIN_DEPTH = (0.8, 5.0)  # from the line of the eyes to the chin [1.38, 3.55]
MAX_RESIDUAL = 16.0  # mm, root mean square between the points and the posed average head [10.8]


def check(points: npt.ArrayLike, width: int, height: int) -> None:
    """Check 68 points (68, 2) in the pixels of a photograph of `width` × `height`.

    Everything is judged in the face's own frame (from eye to eye, and down from there), so the head may be rolled by any angle.

    Raises:
        Rejected: `bad-geometry`, with what is wrong.
    """
    p = np.asarray(points, dtype=np.float64)
    if p.shape != (68, 2) or not np.isfinite(p).all():
        raise Rejected("bad-geometry", "these are not 68 finite points")
    five = five_points(p)
    (rx, ry), (lx, ly) = five[0].tolist(), five[1].tolist()
    eyes = math.hypot(lx - rx, ly - ry)
    _require(eyes >= MIN_EYE_DISTANCE, f"{eyes:.1f} px between the eyes, fewer than {MIN_EYE_DISTANCE:.0f}")

    cos, sin = (lx - rx) / eyes, (ly - ry) / eyes
    dx, dy = p[:, 0] - (rx + lx) / 2, p[:, 1] - (ry + ly) / 2
    across, down = (dx * cos + dy * sin) / eyes, (dy * cos - dx * sin) / eyes
    brows, mouth = down[17:27].mean(), down[48:60].mean()
    _require(brows < 0 < down[33] < mouth < down[8], "brows, eyes, nose, mouth and chin are not one below the other")
    for name, (a, b) in _ACROSS.items():
        _require(across[a] < across[b], f"the {name} is mirrored or collapsed")
    jaw = math.hypot(*(p[16] - p[0]).tolist()) / eyes
    _require(JAW_WIDTH[0] <= jaw <= JAW_WIDTH[1], f"the jaw is {jaw:.1f} eye distances wide")
    _require(CHIN_DEPTH[0] <= down[8] <= CHIN_DEPTH[1], f"the chin is {down[8]:.1f} eye distances below the eyes")

    far = OUTSIDE * eyes
    within = (p >= -far).all() and (p <= (width - 1 + far, height - 1 + far)).all()
    _require(bool(within), "the face reaches too far outside the frame")
    within = (five >= 0).all() and (five <= (width - 1, height - 1)).all()
    _require(bool(within), "an eye, the nose or the mouth lies outside the frame")

    try:
        pose = head.estimate_pose(p)
    except ValueError as error:
        raise Rejected("bad-geometry", str(error)) from None
    gap = (pose.project(head.POINTS)[0] - p) / pose.scale
    residual = math.sqrt(float((gap**2).sum()) / 68)
    _require(residual <= MAX_RESIDUAL, f"{residual:.0f} mm from any head")


# Pairs of points whose first lies left of the second in the image of an upright face.
_ACROSS = {
    "right eye": (36, 39),
    "left eye": (42, 45),
    "bridge between the eyes": (39, 42),
    "nose": (31, 35),
    "mouth": (48, 54),
    "jaw": (4, 12),
}


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Rejected("bad-geometry", otherwise)
