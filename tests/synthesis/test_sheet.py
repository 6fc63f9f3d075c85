"""The contact sheet."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import RunError
from occbench.images import decode_exact
from occbench.synthesis.sheet import Row, contact_sheet

CLEAN, OCCLUDED, HIDDEN = (10, 200, 30), (220, 10, 20), 150


def row(caption: str, height: int = 128, width: int = 128) -> Row:
    clean, occluded = (np.full((height, width, 3), colour, np.uint8) for colour in (CLEAN, OCCLUDED))
    return clean, occluded, np.full((height, width), HIDDEN, np.uint8), caption


def sheet(rows: list[Row], folder: Path) -> npt.NDArray[np.uint8]:
    contact_sheet(rows, folder / "sheet.png")
    return decode_exact((folder / "sheet.png").read_bytes())


def count(image: npt.NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((image == colour).all(axis=-1).sum())


def test_each_pair_is_shown_pixel_by_pixel(tmp_path: Path) -> None:
    image = sheet([row("mask/surgical")] * 5 + [row("cup/paper")] * 2, tmp_path)
    for colour in (CLEAN, OCCLUDED, (HIDDEN,) * 3):
        assert count(image, colour) == pytest.approx(7 * 128 * 128, rel=0.001)  # the odd pixel of a letter may have it too


def test_clean_occluded_and_mask_stand_side_by_side(tmp_path: Path) -> None:
    image = sheet([row("mask/surgical")], tmp_path)
    firsts = [np.argwhere((image == colour).all(axis=-1)).min(axis=0) for colour in (CLEAN, OCCLUDED, (HIDDEN,) * 3)]
    (top, left), (_, second), (_, third) = firsts
    assert (second - left, third - second) == (130, 130)
    assert all(first[0] == top for first in firsts)


def test_forty_eight_pairs_make_a_picture_of_reasonable_shape(tmp_path: Path) -> None:
    height, width = sheet([row("mask/surgical")] * 48, tmp_path).shape[:2]
    assert 0.5 < width / height < 2
    assert max(height, width) < 2500


def test_order_of_occluders_does_not_matter(tmp_path: Path) -> None:
    rows = [row("mask/surgical"), row("cup/paper"), row("mask/cloth"), row("cup/tall")]
    assert np.array_equal(sheet(rows, tmp_path), sheet([rows[1], rows[0], rows[3], rows[2]], tmp_path))


def test_occluders_have_headings(tmp_path: Path) -> None:
    one, two = sheet([row("mask/a"), row("mask/b")], tmp_path), sheet([row("cup/a"), row("mask/b")], tmp_path)
    assert two.shape[0] > one.shape[0] + 128


@pytest.mark.parametrize(
    ("height", "width", "shown"), [(512, 512, (128, 128)), (300, 600, (64, 128)), (600, 200, (128, 43)), (64, 64, (64, 64))]
)
def test_other_sizes_are_scaled_down_and_never_up(tmp_path: Path, height: int, width: int, shown: tuple[int, int]) -> None:
    image = sheet([row("mask/surgical", height, width)], tmp_path)
    where = np.argwhere((image == CLEAN).all(axis=-1))
    assert tuple(where.max(axis=0) - where.min(axis=0) + 1) == shown


def test_images_are_scaled_by_area(tmp_path: Path) -> None:
    """Lines of one pixel become gray: nothing is dropped."""
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    image = sheet([(stripes, stripes, stripes[..., 0], "mask/surgical")], tmp_path)
    assert count(image, (128, 128, 128)) >= 3 * 128 * 128


def test_no_pairs_make_an_empty_sheet(tmp_path: Path) -> None:
    assert sheet([], tmp_path).shape[2] == 3


def test_inputs_stay_untouched(tmp_path: Path) -> None:
    pair = row("mask/surgical", 300, 300)
    sheet([pair], tmp_path)
    assert all(np.array_equal(a, b) for a, b in zip(pair[:3], row("", 300, 300)[:3], strict=True))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"sheet\.png"):
        contact_sheet([row("mask/surgical")], tmp_path / "missing" / "sheet.png")
