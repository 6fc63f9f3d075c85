"""Methods that learn nothing: they continue the visible pixels into the hole. They bound from below what learning is worth."""

from abc import ABC, abstractmethod
from importlib.metadata import version
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from occbench.restoration import Examples, Image, Restored, Track

Hole = npt.NDArray[np.bool_]

GRAY = 128  # every channel, where nothing is visible that could be continued
_RADIUS = 3 / 128  # of OpenCV's neighbourhood, of the longer side
_REACHED = 0.1  # share of a Gaussian that must lie on visible pixels


class Occluded:
    """The photograph as it is: what every method has to beat."""

    name = "occluded"
    track: Track = "blind"
    signature = "occluded|v1"

    def prepare(self, examples: Examples) -> Self:
        """Nothing to learn."""
        return self

    def restore(self, occluded: Image, mask: Image | None) -> Restored:
        """The input."""
        return Restored(occluded.copy())


class Filler(ABC):
    """Base of methods that fill the pixels with alpha above 0 and leave all others as they are.

    `fill` never meets the occluder: hidden pixels have the mean visible colour before it is called. That is more than caution, for
    OpenCV's inpainting lets what is under a mask at the image's border shine through.
    """

    name: str
    track: Track = "given-mask"
    signature: str

    def prepare(self, examples: Examples) -> "Filler":
        """Nothing to learn."""
        return self

    def restore(self, occluded: Image, mask: Image | None) -> Restored:
        """Fill each photograph by itself."""
        assert mask is not None
        images = occluded.copy()
        for image, alpha in zip(images, mask, strict=True):
            hole = alpha > 0
            if hole.all():
                image[:] = self.blank(image.shape)
            elif hole.any():
                image[hole] = np.rint(image[~hole].mean(axis=0))
                image[hole] = self.fill(image, hole)[hole]
        return Restored(images)

    def blank(self, shape: tuple[int, ...]) -> Image:
        """What is restored where nothing is visible: gray.

        Args:
            shape: (H, W, 3).
        """
        return np.full(shape, GRAY, np.uint8)

    @abstractmethod
    def fill(self, image: Image, hole: Hole) -> Image:
        """Fill one photograph.

        Args:
            image: (H, W, 3) uint8 RGB, with a single colour in the hole.
            hole: (H, W) bool, neither empty nor everything.

        Returns:
            (H, W, 3) uint8, of which only the hole counts.
        """


class Telea(Filler):
    """Fast marching from the hole's edge inwards (Telea 2004), by OpenCV; radius 3 px at 128 px, scaled with the longer side.

    OpenCV follows gradients, so a hole in a plain area comes out a few levels uneven. Time grows with hole and radius:
    about 3 ms for a mask at 128 px, 0.6 s at 512 px, 15 s at 1024 px.
    """

    name = "telea"
    signature = f"telea|radius:3@128|opencv:{cv2.__version__}|v1"

    def fill(self, image: Image, hole: Hole) -> Image:
        """See `Filler.fill`."""
        return _opencv(image, hole, cv2.INPAINT_TELEA)


class NavierStokes(Filler):
    """Isophotes continued as a fluid's stream lines (Bertalmio, Bertozzi and Sapiro 2001), by OpenCV; radius as `Telea`."""

    name = "navier-stokes"
    signature = f"navier-stokes|radius:3@128|opencv:{cv2.__version__}|v1"

    def fill(self, image: Image, hole: Hole) -> Image:
        """See `Filler.fill`."""
        return _opencv(image, hole, cv2.INPAINT_NS)


class Biharmonic(Filler):
    """The surface that solves the biharmonic equation in the hole (Damelin and Hoang 2018), by scikit-image in float64.

    Time and memory grow faster than the hole: about 40 ms for a mask at 128 px, 2.5 s at 512 px, 20 s and 2 GB at 1024 px.
    """

    name = "biharmonic"
    signature = f"biharmonic|scikit-image:{version('scikit-image')}|v1"

    def fill(self, image: Image, hole: Hole) -> Image:
        """See `Filler.fill`."""
        from skimage.restoration import inpaint_biharmonic

        # One system for all regions: splitting is for memory, and a face has one large hole.
        return levels(inpaint_biharmonic(image.astype(np.float64), hole, channel_axis=-1))


class BlurFill(Filler):
    """A weighted mean of all visible pixels, by normalised convolution (Knutsson and Westin 1993).

    The kernel is a sum of Gaussians whose sigma doubles (from 1 px at 128 px, scaled with the longer side) while their weight falls
    to a tenth, until the last one has a tenth of itself on visible pixels wherever the hole is. The sum makes the fill seamless:
    near pixels outweigh far ones where there are any.
    """

    name = "blur-fill"
    signature = f"blur-fill|sigma:1@128x2|weight:0.1|reached:0.1|opencv:{cv2.__version__}|v1"

    def fill(self, image: Image, hole: Hole) -> Image:
        """See `Filler.fill`."""
        visible = np.where(hole, np.float32(0), np.float32(1))
        planes = np.dstack([image * visible[..., None], visible])
        size = max(hole.shape)
        sigma, weight, reached = size / 128, 1.0, False
        total = np.zeros(planes.shape, np.float64)
        while not reached:
            blurred = cv2.GaussianBlur(planes, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)  # zeros outside, weight included
            total += weight * blurred
            reached = bool(blurred[hole, 3].min() >= _REACHED) or sigma >= size
            sigma, weight = 2 * sigma, weight / 10
        # Beyond the hole, weights may be whatever they are: those pixels are not used.
        return levels(total[..., :3] / np.maximum(total[..., 3:], np.finfo(np.float64).tiny))


def _opencv(image: Image, hole: Hole, method: int) -> Image:
    radius = _RADIUS * max(hole.shape)
    return np.asarray(cv2.inpaint(image, hole.view(np.uint8), radius, method), dtype=np.uint8)


def levels(values: npt.NDArray[np.float64]) -> Image:
    """The nearest uint8 levels of values in gray levels; what lies beyond 0..255 is clipped."""
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
