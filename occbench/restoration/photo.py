"""One whole photograph: find the face, align it as synthesis does, and put the restored crop back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from occbench import weights
from occbench.errors import InputError, Rejected, UsageError
from occbench.faces import Face
from occbench.landmarks.alignment import Matrix, crop, crop_matrix, five_points
from occbench.landmarks.locate import Locator
from occbench.restoration import Image, Restored
from occbench.restoration.blend import BLENDS, detail, opacity, outward, paste, seamless

# Detectors see the photograph only: nothing is known about it.
_FACE = Face("photographs", "photograph", Path(), "", "test")


class Photographs:
    """What detectors ask of a source: any photographs, of which the largest face is taken."""

    name = "photographs"
    centred = False
    mean_box: tuple[float, float, float, float] | None = None
    supplies = False
    licence = "Photographs of the user."

    def faces(self) -> Iterator[Face]:
        """None: photographs are looked at one by one."""
        return iter(())

    def locate(self, image_id: str) -> Path:
        """Nothing to look up."""
        raise InputError(f"No photograph {image_id!r}.")


@dataclass(frozen=True)
class Aligned:
    """The largest face of a photograph, ready to be restored.

    Attributes:
        crop: (S, S, 3) uint8 RGB.
        mask: (S, S) uint8, 255 wherever a given mask touches the pixel, else 0; None where none was given.
        matrix: photograph to crop.
        given: (H, W) uint8, the mask as it was given, or None.
    """

    crop: Image
    mask: Image | None
    matrix: Matrix
    given: Image | None


@dataclass(frozen=True)
class Finished:
    """A restored photograph.

    Attributes:
        image: (H, W, 3) uint8 RGB, the photograph; with `none` the restored crop (S, S, 3).
        mask: (H, W) uint8 in the photograph, 0 outside the crop (with `none` (S, S), in the crop), 255 = occluded: the one that was
            given, else the method's; None where there is neither.
        shown: photograph's crop, restored crop, and mask (zeros where there is none), for a contact sheet.
        features: of the method, without the batch axis.
    """

    image: Image
    mask: Image | None
    shown: tuple[Image, Image, Image]
    features: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


def detectors() -> tuple[str, ...]:
    """Who looks for faces by default: `yunet`, which sees masked and turned ones too, where its weights are; else `dlib`."""
    try:
        weights.find("yunet", verify=False)
    except InputError:
        return ("dlib",)
    return ("yunet",)


# What to say where only `dlib` looks for faces.
BLIND_TO_MASKS = "dlib misses many masked faces. `occbench fetch-weights yunet` gets the detector that finds them."


def locator(names: Sequence[str] | None = None) -> Locator:
    """Finds the largest face of any photograph.

    Args:
        names: of detectors, in the order of asking; None for `detectors`.

    Raises:
        UsageError: an unknown detector, one named twice, or one that needs to know more than the photograph.
        InputError: a model file is missing.
    """
    return Locator(Photographs(), detectors() if names is None else names, cache=None)


def align(photo: Image, mask: Image | None, find: Locator, size: int) -> Aligned:
    """Cut out the largest face. Outside the frame photograph and mask are mirrored.

    Args:
        photo: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, anything but 0 is occluded; None where it is unknown.
        find: from `locator`.
        size: S, px.

    Raises:
        Rejected: no face (`no-face`), or none that can be one (`bad-geometry`).
    """
    assert mask is None or mask.shape == photo.shape[:2]
    points = find.locate(photo, "", _FACE).points
    try:
        matrix = crop_matrix(five_points(points), size)
        cut = crop(photo, matrix, size, size, mirrored=False)
        there = None if mask is None else np.dstack([mask > 0] * 3).astype(np.uint8) * np.uint8(255)
        hidden = None if there is None else crop(there, matrix, size, size, mirrored=False)
    except ValueError as error:
        raise Rejected("bad-geometry", str(error)) from None
    # Whatever a pixel has of the occluder, it must not pass for a visible one.
    return Aligned(cut, None if hidden is None else (hidden[..., 0] > 0).astype(np.uint8) * np.uint8(255), matrix, mask)


def finish(photo: Image, face: Aligned, restored: Restored, index: int, blend: str) -> Finished:
    """Put a restored crop back.

    Where a mask was given, or else the method tells one, the crop replaces the photograph there and a little around it, and every
    other pixel stays as it was, bit for bit; without a mask the whole crop is put back, fading out towards its edge. Nothing
    outside the crop ever changes.

    Args:
        photo: (H, W, 3) uint8 RGB.
        face: of this photograph.
        restored: the batch that it was restored in.
        index: its place in the batch.
        blend: `none` for the restored crop alone; `alpha` to fade it in; `poisson` to fit its colours to the photograph, too, and
            to keep the photograph's fine detail wherever the method changed nothing.

    Raises:
        UsageError: no such way of blending.
    """
    if blend not in BLENDS:
        raise UsageError(f"There is no blend {blend!r}: choose from {', '.join(BLENDS)}.")
    image, size = restored.images[index], len(face.crop)
    told = face.mask is None and restored.masks is not None
    mask = restored.masks[index] if told and restored.masks is not None else face.mask
    shown = (face.crop, image, np.zeros((size, size), np.uint8) if mask is None else mask)
    features = {name: values[index] for name, values in restored.features.items()}
    if blend == "none":
        return Finished(image, mask, shown, features)
    kept = None
    if blend == "poisson":
        image = seamless(face.crop, image, mask, told)
        kept = detail(face.crop, image, mask, told)
    whole = paste(photo, image, opacity(mask, size, told), kept, face.matrix)
    if mask is not None and face.given is not None:  # the given mask itself, where the crop reaches
        mask = np.minimum(face.given, outward(np.full_like(mask, 255), face.matrix, *photo.shape[:2]))
    elif mask is not None:
        mask = outward(mask, face.matrix, *photo.shape[:2])
    return Finished(whole, mask, shown, features)
