"""The average face: what is known of a face before looking at this one."""

import hashlib

import numpy as np
import numpy.typing as npt

from occbench.errors import InputError, UsageError
from occbench.restoration import Examples, Image
from occbench.restoration.classical import Filler, Hole, levels


class MeanFace(Filler):
    """Fills with the mean of the clean training photographs, which must be aligned crops of one size.

    Each channel of the mean is shifted by a constant, so that over the visible pixels of the photograph both have the same mean.

    Args:
        mean: (H, W, 3) float64 levels, or None until it is prepared.
        count: of how many photographs.
    """

    name = "mean-face"

    def __init__(self, mean: npt.NDArray[np.float64] | None = None, count: int = 0) -> None:
        self.mean = mean
        digest = "none" if mean is None else hashlib.sha256(np.ascontiguousarray(mean, dtype="<f8").tobytes()).hexdigest()[:16]
        self.signature = f"mean-face|n:{count}|mean:{digest}|shift:visible-mean|v1"

    def prepare(self, examples: Examples) -> "MeanFace":
        """Learn the mean; sums are whole numbers, so the order of the photographs does not matter.

        Raises:
            InputError: no photographs, or of differing sizes.
        """
        total: npt.NDArray[np.int64] | None = None
        count = 0
        for image in examples():
            if total is None:
                total = np.zeros(image.shape, np.int64)
            if image.shape != total.shape:
                (h, w), (height, width) = total.shape[:2], image.shape[:2]
                raise InputError(
                    f"mean-face needs aligned training photographs of one size, and there are {w}×{h} and {width}×{height} pixels: "
                    "make the data set with --crop aligned, or choose another method."
                )
            total += image
            count += 1
        if total is None:
            raise InputError(
                "mean-face learns from clean training photographs, and there are none: make the data set with --split all, "
                "or choose another method."
            )
        return MeanFace(total / count, count)

    def blank(self, shape: tuple[int, ...]) -> Image:
        """The mean face as it is."""
        return levels(self._fitting(shape))

    def fill(self, image: Image, hole: Hole) -> Image:
        """See `Filler.fill`."""
        mean = self._fitting(image.shape)
        shift = (image - mean)[~hole].mean(axis=0)
        return levels(mean + shift)

    def _fitting(self, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        if self.mean is None:
            raise UsageError("mean-face has learnt nothing yet: prepare it with the photographs of a training split.")
        if shape != self.mean.shape:
            (h, w), (height, width) = self.mean.shape[:2], shape[:2]
            raise InputError(
                f"mean-face has learnt from {w}×{h} pixels and cannot restore {width}×{height}: "
                "make the data set with --crop aligned and one --size, or choose another method."
            )
        return self.mean
