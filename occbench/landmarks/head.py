"""The head: 68 points in millimetres, the pose that explains a face's 68 pixels, and the placement of things worn on it.

Head coordinates: origin midway between the pupils, x to the *image's* right when facing the camera, y down, z towards the camera,
millimetres, with 63 mm between the pupils (the adult mean; Dodgson 2004, "Variation and extrema of human interpupillary distance").

Every number here must come out the same on every machine, so there is no BLAS, no transcendental function on the way to a pixel,
and sums are exact (`math.fsum`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rotation = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

# Least-squares 3D positions of the 68 iBUG points over 1,466 LFW photographs, given the rotations that MediaPipe's face landmarker
# finds there; symmetrised. Against those rotations the pose below has a median yaw error of 1.3 degrees (95th percentile 4.2).
# fmt: off
POINTS: Array = np.array([
    (-74.5, 3.7, -59.3), (-73.8, 23.0, -54.3), (-72.0, 42.3, -50.8), (-68.5, 61.2, -46.1),
    (-61.6, 79.0, -36.9), (-50.4, 94.5, -24.1), (-35.9, 107.2, -9.7), (-19.2, 117.3, 4.2),
    (0.0, 120.2, 9.0), (19.2, 117.3, 4.2), (35.9, 107.2, -9.7), (50.4, 94.5, -24.1),
    (61.6, 79.0, -36.9), (68.5, 61.2, -46.1), (72.0, 42.3, -50.8), (73.8, 23.0, -54.3),
    (74.5, 3.7, -59.3), (-58.4, -11.5, -12.8), (-49.8, -20.1, -3.1), (-37.3, -23.2, 5.2),
    (-24.1, -21.8, 12.0), (-11.8, -17.2, 17.1), (11.8, -17.2, 17.1), (24.1, -21.8, 12.0),
    (37.3, -23.2, 5.2), (49.8, -20.1, -3.1), (58.4, -11.5, -12.8), (0.0, -2.9, 18.8),
    (0.0, 9.0, 27.0), (0.0, 21.0, 36.0), (0.0, 33.3, 44.7), (-14.6, 42.7, 23.9),
    (-7.6, 45.3, 28.2), (0.0, 47.5, 31.1), (7.6, 45.3, 28.2), (14.6, 42.7, 23.9),
    (-43.5, 0.5, -4.4), (-35.9, -3.9, 0.1), (-26.9, -4.0, 1.6), (-19.0, 1.3, 1.1),
    (-27.4, 3.0, 1.5), (-36.2, 3.1, 0.1), (19.0, 1.3, 1.1), (26.9, -4.0, 1.6),
    (35.9, -3.9, 0.1), (43.5, 0.5, -4.4), (36.2, 3.1, 0.1), (27.4, 3.0, 1.5),
    (-28.4, 68.5, 1.5), (-18.2, 63.0, 16.1), (-7.7, 60.6, 24.2), (0.0, 62.3, 25.8),
    (7.7, 60.6, 24.2), (18.2, 63.0, 16.1), (28.4, 68.5, 1.5), (18.5, 77.8, 13.4),
    (8.3, 81.6, 21.2), (0.0, 82.4, 22.7), (-8.3, 81.6, 21.2), (-18.5, 77.8, 13.4),
    (-23.9, 68.7, 3.9), (-7.8, 66.4, 22.5), (0.0, 67.1, 24.3), (7.8, 66.4, 22.5),
    (23.9, 68.7, 3.9), (7.9, 72.6, 20.7), (0.0, 73.5, 22.5), (-7.9, 72.6, 20.7),
])
# fmt: on

# 22 more points of the face that no iBUG point is near: cheeks, jaw, wings of the nose, chin. They are vertices of MediaPipe's mesh
# (`mediapipe478`), found by taking, one pair after the other, what brings `FittedHead.place` nearest to all vertices below the eyes
# of turned and frontal LFW photographs; their positions are the least-squares ones over 13,185 photographs of LFW, given the poses
# of the 68 points there (turned faces counted four times), symmetrised. What they leave unexplained there: 2.2 mm (median), 5.3
# (95th percentile), 17 (the most).
# fmt: off
MESH: Array = np.array([
    (-34.7, 100.1, -5.9), (34.7, 100.1, -5.9), (-66.4, 62.5, -42.0), (66.4, 62.5, -42.0), (0.0, 112.7, 16.0),
    (-47.4, 51.9, -1.5), (47.4, 51.9, -1.5), (-73.7, 18.5, -65.9), (73.7, 18.5, -65.9), (-19.0, 35.8, 24.6),
    (19.0, 35.8, 24.6), (-25.4, 106.8, 4.2), (25.4, 106.8, 4.2), (-51.8, 93.0, -35.0), (51.8, 93.0, -35.0),
    (0.0, 41.7, 40.0), (-35.5, 24.4, 7.1), (35.5, 24.4, 7.1), (-9.4, 38.4, 35.5), (9.4, 38.4, 35.5),
    (-13.7, 111.3, 12.4), (13.7, 111.3, 12.4),
])
# fmt: on

# Where an ear loop or a temple meets the ear (root of the helix), and the lower end of the ear (the lobe): anthropometric means.
EAR_TOP = (76.0, -4.0, -82.0)
EAR_BOTTOM = (74.0, 46.0, -76.0)


def _pseudo_inverse() -> tuple[list[float], list[list[float]]]:
    """Mean of POINTS (3) and the 3×68 pseudo-inverse of the centred points, by cofactors and exact sums."""
    columns = [[float(v) for v in c] for c in POINTS.T]
    mean = [math.fsum(c) / len(c) for c in columns]
    centred = [[v - m for v in c] for c, m in zip(columns, mean, strict=True)]
    g = [[math.fsum(a * b for a, b in zip(p, q, strict=True)) for q in centred] for p in centred]
    cof = [
        [
            g[(i + 1) % 3][(j + 1) % 3] * g[(i + 2) % 3][(j + 2) % 3] - g[(i + 1) % 3][(j + 2) % 3] * g[(i + 2) % 3][(j + 1) % 3]
            for j in range(3)
        ]
        for i in range(3)
    ]
    det = math.fsum(g[0][j] * cof[0][j] for j in range(3))
    inverse = [[cof[j][i] / det for j in range(3)] for i in range(3)]
    return mean, [[math.fsum(inverse[i][k] * centred[k][p] for k in range(3)) for p in range(68)] for i in range(3)]


_MEAN, _PINV = _pseudo_inverse()


@dataclass(frozen=True, slots=True)
class Pose:
    """Scaled orthographic pose: `pixel = origin + scale * (rotation[:2] @ head_point)`.

    Attributes:
        rotation: three orthonormal rows: image right, image down, towards the camera.
        scale: pixels per millimetre.
        origin: pixel (x, y) of the head's origin.
    """

    rotation: Rotation
    scale: float
    origin: tuple[float, float]

    @property
    def yaw(self) -> float:
        """Degrees, positive when the face turns towards the image's right."""
        return math.degrees(math.atan2(self.rotation[0][2], self.rotation[2][2]))

    @property
    def pitch(self) -> float:
        """Degrees, positive when the face looks up."""
        return math.degrees(math.asin(max(-1.0, min(1.0, -self.rotation[1][2]))))

    @property
    def roll(self) -> float:
        """Degrees, positive when the head tilts clockwise in the image."""
        return math.degrees(math.atan2(self.rotation[1][0], self.rotation[1][1]))

    def project(self, xyz: Array) -> tuple[Array, Array]:
        """Pixels (N, 2) and depth in millimetres towards the camera (N,) of head points (N, 3)."""
        r = self.rotation
        x, y, z = xyz[:, 0], xyz[:, 1], xyz[:, 2]
        turned = [x * row[0] + y * row[1] + z * row[2] for row in r]
        pixels = np.stack([self.origin[0] + self.scale * turned[0], self.origin[1] + self.scale * turned[1]], axis=1)
        return pixels, turned[2]


def _unit(v: Sequence[float]) -> tuple[float, float, float]:
    n = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return (v[0] / n, v[1] / n, v[2] / n)


def estimate_pose(points: npt.ArrayLike) -> Pose:
    """The pose that best explains 68 pixels (68, 2): linear least squares for an affine camera, then the nearest scaled rotation
    (rows made orthogonal symmetrically).

    Raises:
        ValueError: the points are degenerate (all on a line).
    """
    pixels = np.asarray(points, dtype=np.float64)
    means = [math.fsum(pixels[:, k].tolist()) / 68 for k in range(2)]
    rows = []
    for k in range(2):
        offset = [v - means[k] for v in pixels[:, k].tolist()]
        rows.append([math.fsum(a * b for a, b in zip(p, offset, strict=True)) for p in _PINV])
    a, b = rows
    na, nb = (math.sqrt(math.fsum(v * v for v in row)) for row in rows)
    if na < 1e-6 or nb < 1e-6:
        raise ValueError("degenerate landmarks: no pose")
    ua, ub = [v / na for v in a], [v / nb for v in b]
    # The bisectors of two unit vectors are orthogonal: turning them back by 45 degrees gives the nearest orthonormal pair.
    plus, minus = [p + q for p, q in zip(ua, ub, strict=True)], [p - q for p, q in zip(ua, ub, strict=True)]
    if min(math.fsum(v * v for v in plus), math.fsum(v * v for v in minus)) < 1e-6:
        raise ValueError("degenerate landmarks: no pose")
    u, w = _unit(plus), _unit(minus)
    half = math.sqrt(0.5)
    right = _unit([half * (p + q) for p, q in zip(u, w, strict=True)])
    down = _unit([half * (p - q) for p, q in zip(u, w, strict=True)])
    toward = (
        right[1] * down[2] - right[2] * down[1],
        right[2] * down[0] - right[0] * down[2],
        right[0] * down[1] - right[1] * down[0],
    )
    scale = (na + nb) / 2
    origin = (
        means[0] - scale * math.fsum(r * m for r, m in zip(right, _MEAN, strict=True)),
        means[1] - scale * math.fsum(d * m for d, m in zip(down, _MEAN, strict=True)),
    )
    return Pose((right, down, toward), scale, origin)


class FittedHead:
    """A head fitted to one face: pose plus what the pose leaves unexplained (proportions, expression), so that things placed in
    head coordinates follow *this* face's jaw and nose.

    Where a detector also saw the points of `MESH`, these stand in for the 17 of the jaw: the jaw's landmarks lie on the outline,
    which on a turned head is another part of the face. On LFW, the 271 other vertices of MediaPipe's mesh below the eyes are then
    placed 1.0 mm (mean) from where they are instead of 1.4, and on heads turned beyond 30 degrees 1.2 instead of 2.1.

    Args:
        points: 68 landmarks in the pixels to draw in, (68, 2).
        mesh: where the points of `MESH` appear, (len(MESH), 2), or None.

    Attributes:
        points: the landmarks, float64.
        pose: their pose.

    Raises:
        ValueError: landmarks without a pose, or a point of the mesh more than `STRAY` from where the pose has it.
    """

    # Distance (mm) over which a landmark's deviation fades: about half an eye width keeps neighbours together without wiggles.
    REACH = 12.0
    STRAY = 40.0  # mm

    def __init__(self, points: npt.ArrayLike, mesh: npt.ArrayLike | None = None) -> None:
        self.points: Array = np.asarray(points, dtype=np.float64).reshape(68, 2)
        self.pose = estimate_pose(self.points)
        self._anchors, self._residual = POINTS, self.points - self.pose.project(POINTS)[0]
        if mesh is not None:
            stray = np.asarray(mesh, dtype=np.float64).reshape(len(MESH), 2) - self.pose.project(MESH)[0]
            if not (np.abs(stray) <= self.STRAY * self.pose.scale).all():
                raise ValueError(f"the mesh lies more than {self.STRAY:.0f} mm from the head of the 68 landmarks")
            self._anchors = np.concatenate([POINTS[17:], MESH])
            self._residual = np.concatenate([self._residual[17:], stray])

    def place(self, xyz: npt.ArrayLike) -> tuple[Array, Array]:
        """Where head points (N, 3) in mm appear: pixels (N, 2), snapped to 1/256 px, and depth in mm towards the camera (N,).

        The deviation of a point is the mean of the landmarks' deviations with weights 1 / (distance² + REACH²)², an
        inverse-distance interpolation (Shepard 1968) that stays smooth at the landmarks.
        """
        points = np.asarray(xyz, dtype=np.float64).reshape(-1, 3)
        pixels, depth = self.pose.project(points)
        x, y, z = (np.subtract.outer(self._anchors[:, k], points[:, k]) for k in range(3))  # (anchors, N)
        near = x * x + y * y + z * z + self.REACH * self.REACH
        weight = 1.0 / (near * near)
        # Reduce along the first axis: NumPy then adds row after row, the same order everywhere.
        total = weight.sum(axis=0)
        for k in range(2):
            pixels[:, k] += (weight * self._residual[:, k, None]).sum(axis=0) / total
        return np.rint(pixels * 256) / 256, depth
