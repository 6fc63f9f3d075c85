"""Restorations put back into the photographs that are scored."""

import numpy as np
import pytest

from occbench.errors import InputError
from occbench.restoration import Image, Restored, apply, create
from occbench.restoration.blended import Blended


class Bright:
    """A blind method: everything 20 levels brighter, and a mask in the middle if it tells one."""

    name, track, signature = "bright", "blind", "bright|v1"

    def __init__(self, tells: bool) -> None:
        self.tells = tells

    def prepare(self, examples: object) -> "Bright":
        return self

    def restore(self, occluded: Image, mask: Image | None) -> Restored:
        told = np.zeros(occluded.shape[:3], np.uint8)
        told[:, 24:40, 24:40] = 255
        return Restored(occluded + np.uint8(20), told if self.tells else None)


PHOTO = np.full((2, 64, 64, 3), 100, np.uint8)


def test_only_what_the_mask_marks_is_put_back() -> None:
    found = apply(Blended(Bright(tells=True), "alpha"), PHOTO, None).images  # type: ignore[arg-type]
    assert (found[:, 24:40, 24:40] == 120).all()
    assert (found[:, :16] == 100).all()


def test_poisson_fits_colours() -> None:
    """A restoration that is evenly too bright comes back in the photograph's colours."""
    found = apply(Blended(Bright(tells=True), "poisson"), PHOTO, None).images  # type: ignore[arg-type]
    assert np.abs(found.astype(int) - 100).max() <= 1


def test_visible_pixels_of_given_masks_stay() -> None:
    mask = np.zeros((1, 32, 32), np.uint8)
    mask[:, 10:20, 10:20] = 90
    occluded = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    found = apply(Blended(create("telea"), "poisson"), occluded, mask).images
    assert np.array_equal(found[0, :6], occluded[0, :6])
    assert not np.array_equal(found, occluded)


def test_it_says_that_it_is_blended() -> None:
    method = Blended(create("telea"), "poisson")
    assert method.name == "telea, poisson blend"
    assert method.signature == f"{create('telea').signature}|blend:poisson|v1"
    assert method.track == "given-mask"


def test_whole_photographs_are_refused() -> None:
    with pytest.raises(InputError, match="--crop none"):
        apply(Blended(create("occluded"), "alpha"), np.zeros((1, 32, 48, 3), np.uint8), None)
