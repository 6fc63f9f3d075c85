"""Masks that nobody gave: from differences, through compression, and as black squares."""

import io
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from occbench.errors import Rejected
from occbench.importing import masks

Pixels = npt.NDArray[np.uint8]


def jpeg(image: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


def overlap(found: Pixels, true: Pixels) -> float:
    a, b = found >= 128, true >= 128
    return float((a & b).sum() / (a | b).sum())


def test_a_lossless_pair_gives_exactly_what_differs(fakes: ModuleType) -> None:
    clean = fakes.picture(1)
    occluded, mask = fakes.hidden(clean)
    assert np.array_equal(masks.from_difference(clean, occluded, lossless=True), mask)


@pytest.mark.parametrize("quality", [98, 90, 75])
@pytest.mark.parametrize("both", [True, False], ids=["both", "occluded-only"])
def test_compression_changes_little(fakes: ModuleType, quality: int, both: bool) -> None:
    clean = fakes.picture(2, 250)
    occluded, mask = fakes.hidden(clean)
    found = masks.from_difference(jpeg(clean, quality) if both else clean, jpeg(occluded, quality), lossless=False)
    assert set(np.unique(found)) == {0, 255}
    assert overlap(found, mask) > 0.9
    assert (found[mask > 0] > 0).mean() > 0.99


def test_a_shadow_is_soft_and_stays(fakes: ModuleType) -> None:
    clean = fakes.picture(3)
    occluded, mask = fakes.hidden(clean)
    shadow = np.zeros_like(mask)
    shadow[70:76, 30:60] = 1
    shadow[mask > 0] = 0
    occluded = np.where(shadow[:, :, None] > 0, (occluded * 0.96).astype(np.uint8), occluded)
    found = masks.from_difference(clean, occluded, lossless=True)
    assert np.array_equal(found == 255, mask > 0)
    assert np.array_equal(found == 64, (shadow > 0) & (clean != occluded).any(axis=2))


def test_holes_are_filled_and_specks_dropped(fakes: ModuleType) -> None:
    clean = fakes.picture(4)
    occluded, _ = fakes.hidden(clean)
    occluded[60:64, 46:50] = clean[60:64, 46:50]  # shows through
    occluded[5, 5] = 255 - clean[5, 5]
    found = masks.from_difference(jpeg(clean, 95), jpeg(occluded, 95), lossless=False)
    assert found[62, 48] == 255
    assert not found[:12, :12].any()


def test_equal_images_hide_nothing(fakes: ModuleType) -> None:
    with pytest.raises(Rejected) as caught:
        masks.from_difference(fakes.picture(5), fakes.picture(5), lossless=True)
    assert caught.value.reason == "invisible"


def test_compression_alone_hides_nothing(fakes: ModuleType) -> None:
    with pytest.raises(Rejected) as caught:
        masks.from_difference(fakes.picture(5), jpeg(fakes.picture(5), 90), lossless=False)
    assert caught.value.reason == "invisible"


def test_two_different_photographs_are_no_pair(fakes: ModuleType) -> None:
    with pytest.raises(Rejected) as caught:
        masks.from_difference(fakes.picture(6), 255 - fakes.picture(6) // 3, lossless=True)
    assert caught.value.reason == "different-images"


@settings(max_examples=25, deadline=None)
@given(
    size=st.sampled_from([(10, 10), (15, 10), (10, 15), (15, 15), (20, 20)]),
    x=st.integers(0, 230),
    y=st.integers(0, 230),
    number=st.integers(0, 1000),
)
@example(size=(10, 10), x=95, y=51, number=109)  # before bright colours, a JPEG's square is dark in 87 of its 100 pixels
def test_a_black_square_is_found(fakes: ModuleType, size: tuple[int, int], x: int, y: int, number: int) -> None:
    clean = fakes.picture(number, 250)
    occluded = clean.copy()
    occluded[y : y + size[1], x : x + size[0]] = 0
    true = np.zeros(clean.shape[:2], np.uint8)
    true[y : y + size[1], x : x + size[0]] = 255
    assert np.array_equal(masks.black_square(clean, occluded), true)
    assert overlap(masks.black_square(jpeg(clean, 95), jpeg(occluded, 95)), true) > 0.6


def test_no_square_is_said(fakes: ModuleType) -> None:
    with pytest.raises(Rejected) as caught:
        masks.black_square(fakes.picture(7), fakes.picture(8))
    assert caught.value.reason == "no-square"


def test_given_masks() -> None:
    mask = np.zeros((8, 8, 3), np.uint8)
    mask[2:4] = 255
    mask[5] = 9
    assert masks.from_file(mask, inverted=False, lossless=True)[5, 0] == 9
    assert masks.from_file(mask, inverted=False, lossless=False)[5, 0] == 0
    assert masks.from_file(mask, inverted=True, lossless=True)[0, 0] == 255
    assert masks.from_file(np.minimum(mask, 1), inverted=False, lossless=True).max() == 255


def test_an_inverted_mask_is_noticed(fakes: ModuleType) -> None:
    clean = fakes.picture(9)
    occluded, mask = fakes.hidden(clean)
    masks.check(mask, clean, occluded)
    with pytest.raises(Rejected, match="invert-masks"):
        masks.check(255 - mask, clean, occluded)
