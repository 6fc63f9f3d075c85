"""What PSNR may not do: each a way in which published numbers went wrong (trap T5)."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.metrics import column
from occbench.metrics.pixels import measure
from occbench.metrics.psnr import PSNR, psnr

Image = npt.NDArray[np.uint8]


def flat(level: int, size: int = 32) -> Image:
    return np.full((size, size, 3), level, np.uint8)


@given(st.integers(0, 255), st.integers(0, 255))
def test_the_range_is_that_of_levels_whatever_the_image_holds(a: int, b: int) -> None:
    """T5 a: not inferred from the data; b: levels do not wrap around."""
    wanted = 100 if a == b else 20 * math.log10(255 / abs(a - b))
    assert psnr(flat(a), flat(b)) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("scaled", [lambda image: image / 255, lambda image: image / 127.5 - 1], ids=["[0, 1]", "[-1, 1]"])
def test_other_ranges_are_refused(scaled: object) -> None:
    """T5 a: they would be off by 6 or 48 dB."""
    assert callable(scaled)
    with pytest.raises(ValueError, match="uint8"):
        psnr(scaled(flat(10)), scaled(flat(20)))


def test_images_are_not_pooled() -> None:
    """T5 c: 48.1 and 28.1 dB make 38.1 dB, where a pooled error would make 31.1 dB."""
    found = [psnr(flat(100 + error), flat(100)) for error in (1, 10)]
    assert np.mean(found) == pytest.approx(20 * math.log10(255) - 10, abs=1e-12)
    assert PSNR.kind == "image"
    assert "mean-of-images" in PSNR.signature


def test_identical_images_have_a_value() -> None:
    """T5 d: 100 dB exactly, so that a mean stays finite."""
    assert psnr(flat(7), flat(7)) == 100
    assert "identical:100" in PSNR.signature


def test_nothing_exceeds_identity() -> None:
    """One wrong level in a large image would be 101 dB."""
    off = flat(7, 300)
    off[0, 0, 0] = 8
    assert 10 * math.log10(255**2 * off.size) > 100
    assert psnr(off, flat(7, 300)) == 100


def test_a_region_is_divided_by_its_own_pixels() -> None:
    """T5 e: zeros elsewhere do not dilute the error."""
    off, region = flat(100), np.zeros((32, 32), np.bool_)
    off[:4, :8], region[:4, :8] = 110, True
    assert psnr(off, flat(100), region) == pytest.approx(20 * math.log10(25.5), abs=1e-12)


@given(
    top=st.integers(0, 40),
    left=st.integers(0, 40),
    height=st.integers(1, 23),
    width=st.integers(1, 23),
    shift=st.integers(1, 255),
)
def test_the_full_frame_follows_from_the_mask(top: int, left: int, height: int, width: int, shift: int) -> None:
    """T5 f: with exact visible pixels, PSNR grows by -10 log10 of the occluded share."""
    clean = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[top : top + height, left : left + width] = 255
    prediction = clean.copy()
    prediction[alpha > 0] += np.uint8(shift)
    found = measure(prediction, clean, alpha, ["psnr"])
    share = np.count_nonzero(alpha) / alpha.size
    assert found["psnr"] == pytest.approx(found[column("psnr", "mask")] - 10 * math.log10(share), abs=1e-9)
    assert found[column("psnr", "visible")] == 100


def test_an_empty_region_has_no_value() -> None:
    assert math.isnan(psnr(flat(1), flat(2), np.zeros((32, 32), np.bool_)))
