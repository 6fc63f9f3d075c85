"""Black boxes: the small squares of the first occlusion data sets over LFW, and boxes by fraction of the face."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from occbench.landmarks.alignment import five_points
from occbench.occluders import Parameters, Scene, region
from occbench.occluders.layer import Layer

# Variant to (width, height) in output px, whatever the size of the output: made for crops of 128 px, where the papers used them.
_PIXELS = {"square-10x10": (10, 10), "square-15x10": (15, 10), "square-15x15": (15, 15), "square-20x20": (20, 20)}
# Variant to the box's nominal area, as a fraction of the area of the landmarks' convex hull.
_SHARES = {"face-25": 0.25, "face-50": 0.5}
_AT = ("eyes", "left-eye", "right-eye", "nose", "mouth")


class BlackBox:
    """One axis-parallel, opaque box of one gray level, with hard edges, moved inside the frame where it would leave it.

    It lies in one of three kinds of places: `frame`, centred in the image; on landmarks, centred on `eyes`, `left-eye`, `right-eye`
    (by the side of the image), `nose` or `mouth`; `face`, centred on a random pixel of the landmarks' convex hull.

    Parameters, all stored in the manifest: `place` (one of these words), `box` (left, top, width, height, px of the output) and
    `level`.
    """

    name = "black-box"
    variants: Mapping[str, float] = {**dict.fromkeys(_PIXELS, 1.0), **dict.fromkeys(_SHARES, 2.0)}
    photometric = False
    ranges: Mapping[str, tuple[float, float]] = {
        "fixed": (0.0, 0.0),  # chance that the box lies in the centre of the frame
        "landmark": (0.5, 0.5),  # chance, among the others, that it lies on a landmark; what remains lies anywhere on the face
        "scale": (0.8, 1.2),  # of the area of `face-25` and `face-50`
        "aspect": (0.7, 1.4),  # their width over their height
        "level": (0.0, 0.0),  # gray level, 0..255
    }

    def sample(self, rng: np.random.Generator, variant: str, scene: Scene, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
        """Draw place, size and level of one box.

        Raises:
            Rejected: no part of the face lies inside the frame.
        """
        drawn = {key: float(rng.uniform(*ranges[key])) for key in self.ranges}
        face = region.face_pixels(scene.head.points, scene.width, scene.height)
        if variant in _SHARES:
            area, aspect = _SHARES[variant] * drawn["scale"] * len(face), drawn["aspect"]
        else:
            width, height = _PIXELS[variant]
            area, aspect = width * height, width / height

        at_frame, at_landmark = rng.random() < drawn["fixed"], rng.random() < drawn["landmark"]
        landmark, pixel = _AT[int(rng.integers(len(_AT)))], face[int(rng.integers(len(face)))]
        if at_frame:
            place, centre = "frame", np.array([(scene.width - 1) / 2, (scene.height - 1) / 2])
        elif at_landmark:
            place, centre = landmark, _centre(landmark, scene)
        else:
            place, centre = "face", pixel
        return {
            "place": place,
            "box": region.box(centre, area, aspect, scene.width, scene.height),
            "level": max(0, min(255, round(drawn["level"]))),
        }

    def render(self, variant: str, parameters: Parameters, scene: Scene) -> Layer:
        """The box.

        Raises:
            ValueError: a box that does not lie inside the frame, or no gray level (manifests are untrusted).
        """
        left, top, width, height = region.stored_box(parameters["box"], scene.width, scene.height)
        level = int(parameters["level"])
        if not 0 <= level <= 255:
            raise ValueError(f"no gray level: {level}")
        rgba = np.full((height, width, 4), level, np.uint8)
        rgba[..., 3] = 255
        return Layer(rgba, left, top)


def _centre(landmark: str, scene: Scene) -> npt.NDArray[np.float64]:
    left, right, nose, *mouth = five_points(scene.head.points)
    places: dict[str, npt.NDArray[np.float64]] = {
        "eyes": (left + right) / 2,
        "left-eye": left,
        "right-eye": right,
        "nose": nose,
        "mouth": (mouth[0] + mouth[1]) / 2,
    }
    return places[landmark]
