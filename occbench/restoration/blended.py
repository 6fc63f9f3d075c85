"""A method whose restorations are put back into the occluded photographs as `occbench restore` does, to measure that."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from occbench.errors import InputError
from occbench.restoration import Examples, Image, Restored, Restorer, Track
from occbench.restoration.photo import Aligned, finish

_SAME_PLACE = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # the photograph is the crop


@dataclass(frozen=True)
class Blended:
    """Another method, blended. It can be pickled if that one can.

    Attributes:
        method: whose restorations they are.
        blend: `alpha` or `poisson`, see `photo.finish`.
    """

    method: Restorer
    blend: str

    @property
    def name(self) -> str:
        """The method's, and how it is blended."""
        return f"{self.method.name}, {self.blend} blend"

    @property
    def track(self) -> Track:
        """The method's."""
        return self.method.track

    @property
    def signature(self) -> str:
        """The method's, and how it is blended."""
        return f"{self.method.signature}|blend:{self.blend}|v1"

    def prepare(self, examples: Examples) -> Self:
        """With the method prepared."""
        return type(self)(self.method.prepare(examples), self.blend)

    def restore(self, occluded: Image, mask: Image | None) -> Restored:
        """See `Restorer.restore`.

        Raises:
            InputError: images that are not square, which aligned crops are.
        """
        if occluded.shape[1] != occluded.shape[2]:
            raise InputError(
                f"Blending works on aligned, square crops, not on {occluded.shape[2]}×{occluded.shape[1]} px: make the data set "
                "without --crop none."
            )
        restored = self.method.restore(occluded, mask)
        images = []
        for k, crop in enumerate(occluded):
            given = None if mask is None else mask[k]
            face = Aligned(crop, None if given is None else np.where(given > 0, np.uint8(255), np.uint8(0)), _SAME_PLACE, given)
            images.append(finish(crop, face, restored, k, self.blend).image)
        return Restored(np.stack(images), restored.masks, restored.features)
