"""What undoes an occlusion: the protocol, training-free methods, and later trained ones."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from occbench import registry
from occbench.errors import RunError, UsageError

METHODS = {
    "occluded": "occbench.restoration.classical:Occluded",
    "mean-face": "occbench.restoration.mean_face:MeanFace",
    "blur-fill": "occbench.restoration.classical:BlurFill",
    "telea": "occbench.restoration.classical:Telea",
    "navier-stokes": "occbench.restoration.classical:NavierStokes",
    "biharmonic": "occbench.restoration.classical:Biharmonic",
}

Image = npt.NDArray[np.uint8]
Track = Literal["blind", "given-mask"]
Examples = Callable[[], Iterable[Image]]  # clean training photographs, (H, W, 3) uint8 RGB; opened only by methods that learn


@dataclass(frozen=True)
class Restored:
    """What a method makes of a batch.

    Attributes:
        images: (B, H, W, 3) uint8 RGB.
        masks: (B, H, W) uint8, where the method believes the occlusion to be, 255 = occluded; None if it does not say.
        features: intermediate results by name, (B, ...) float32; only of methods that were asked for them.
    """

    images: Image
    masks: Image | None = None
    features: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


class Restorer(Protocol):
    """One method. Instances can be pickled, for they are sent to other processes.

    What comes out for a photograph depends on that photograph (and its mask) alone: never on the rest of the batch, on earlier
    batches or on chance.

    Attributes:
        name: registry name.
        track: `blind` sees the occluded photograph only, `given-mask` its mask too.
        signature: `name|key:value|...|v1`: all that its output depends on, what it learnt included.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def track(self) -> Track: ...  # noqa: D102

    @property
    def signature(self) -> str: ...  # noqa: D102

    def prepare(self, examples: Examples) -> "Restorer":
        """The method with what it has to learn first; itself where that is nothing.

        Args:
            examples: gives the clean photographs of the training split, see `training_images`.

        Raises:
            InputError: it can learn nothing from these.
        """
        ...

    def restore(self, occluded: Image, mask: Image | None) -> Restored:
        """Restore a batch. Call `apply` instead, which keeps to the track.

        Args:
            occluded: (B, H, W, 3) uint8 RGB, read-only.
            mask: (B, H, W) uint8 alpha, read-only; None for blind methods.

        Raises:
            UsageError: it learns, and has not been prepared.
            InputError: images of a size that it cannot restore.
        """
        ...


def create(name: str) -> Restorer:
    """The method called `name`, not yet prepared.

    Raises:
        UsageError: no such method.
    """
    restorer: Restorer = registry.load("methods", METHODS, name)()
    return restorer


def apply(restorer: Restorer, occluded: Image, mask: Image | None) -> Restored:
    """Restore a batch. The one way to call a method: a blind one is never handed a mask, and none can write into its input.

    Args:
        restorer: prepared.
        occluded: (B, H, W, 3) uint8 RGB.
        mask: (B, H, W) uint8 alpha, 0 = visible, anything else is to be filled; None where it is unknown.

    Raises:
        UsageError: a given-mask method without a mask; or as `Restorer.restore`.
        InputError: as `Restorer.restore`.
        RunError: the method returned something else than images (and masks) of this size.
    """
    assert occluded.dtype == np.uint8
    assert occluded.ndim == 4
    assert occluded.shape[3] == 3
    seen = None
    if restorer.track != "blind":
        if mask is None:
            raise UsageError(f"{restorer.name} fills what a mask marks, and there is no mask here: choose a blind method.")
        assert mask.dtype == np.uint8
        assert mask.shape == occluded.shape[:3]
        seen = _read_only(mask)
    restored = restorer.restore(_read_only(occluded), seen)
    _check(restorer.name, restored.images, occluded.shape)
    if restored.masks is not None:
        _check(restorer.name, restored.masks, occluded.shape[:3])
    return restored


def _read_only(array: Image) -> Image:
    view = array.view()
    view.flags.writeable = False
    return view


def _check(name: str, array: Image, shape: tuple[int, ...]) -> None:
    if array.dtype != np.uint8 or array.shape != shape:
        raise RunError(f"The method {name} returned {array.dtype} of shape {array.shape} where uint8 of shape {shape} is due.")
