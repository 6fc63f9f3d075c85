"""What hides the face: one small class an occluder, which samples parameters and renders one RGBA layer. No files, no manifests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from occbench import registry
from occbench.landmarks.head import FittedHead
from occbench.occluders.layer import Layer

OCCLUDERS = {
    "mask": "occbench.occluders.mask:Mask",
    "sunglasses": "occbench.occluders.sunglasses:Sunglasses",
    "cup": "occbench.occluders.cup:Cup",
    "black-box": "occbench.occluders.black_box:BlackBox",
    "hand": "occbench.occluders.hand:Hand",
    "random-shape": "occbench.occluders.random_shape:RandomShape",
    "noise": "occbench.occluders.noise:Noise",
}

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """What an occluder sees of a photograph: geometry in output pixels, never the pixels themselves.

    Attributes:
        width, height: of the output image, px.
        head: the fitted head, in output pixels (`head.points` are the 68 landmarks, `head.pose` the pose, `head.place` puts head
            coordinates in mm into the image).
        noise: `noise(n)` gives n uniform bytes that belong to this pair (same call, same bytes).
        skin: the person's median skin colour (R, G, B) under the light that textures are drawn in, for occluders that show skin;
            from what was measured and stored (`photometry.py`).
        side: relative brightness of the image's right side of the face against its middle, likewise stored.
    """

    width: int
    height: int
    head: FittedHead
    noise: Callable[[int], npt.NDArray[np.uint8]]
    skin: tuple[int, int, int] = (176, 128, 106)
    side: float = 0.0


class Occluder(Protocol):
    """One kind of occluder.

    One that covers cheeks or jaw may say `mesh = True`: where the detector gives a mesh, `scene.head` then follows it.

    Attributes:
        name: registry name.
        variants: its variants and their default weights.
        photometric: the layer is to be matched to the photograph's light, blur and noise (a drawn object), or not (a black box).
        ranges: its continuous parameters with default (low, high), which a recipe may narrow or widen.
    """

    name: str
    variants: Mapping[str, float]
    photometric: bool
    ranges: Mapping[str, tuple[float, float]]

    def sample(self, rng: np.random.Generator, variant: str, scene: Scene, ranges: Mapping[str, tuple[float, float]]) -> Parameters:
        """Draw the parameters of one occluder: JSON-able, floats rounded to 4 decimals. `ranges` is complete (defaults filled in).

        Raises:
            Rejected: this face cannot wear it (turned too far away, say); the reason goes to the rejects.
        """
        ...

    def render(self, variant: str, parameters: Parameters, scene: Scene) -> Layer:
        """The layer that these parameters mean. Depends on nothing else, and is the same bytes on every machine.

        Raises:
            Rejected: nothing of it falls into the frame.
        """
        ...


def create(name: str) -> Occluder:
    """The occluder called `name`.

    Raises:
        UsageError: no such occluder.
    """
    occluder: Occluder = registry.load("occluders", OCCLUDERS, name)()
    return occluder
