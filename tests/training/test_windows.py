"""Boxes of masks and windows on them (UM-7)."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from occbench.training import windows


def mask(left: int, top: int, right: int, bottom: int, size: int = 16) -> torch.Tensor:
    drawn = torch.zeros(1, 1, size, size)
    drawn[..., top:bottom, left:right] = 0.25
    return drawn


@given(st.lists(st.integers(0, 16), min_size=4, max_size=4, unique=True))
def test_the_box_of_a_rectangle_is_that_rectangle(sides: list[int]) -> None:
    left, right = sorted(sides[:2])
    top, bottom = sorted(sides[2:])
    assert windows.boxes(mask(left, top, right, bottom)).tolist() == [[left, top, right, bottom]]


def test_nothing_has_no_box() -> None:
    assert windows.boxes(torch.zeros(1, 1, 4, 6)).tolist() == [[6, 4, 0, 0]]


def test_um_7_centres_keep_the_window_inside() -> None:
    """(10, 250) becomes (64, 192): columns 0 to 127 by rows 128 to 255."""
    assert windows.corners(torch.tensor([[10.0, 250.0]]), 256).tolist() == [[0, 128]]


def test_the_fixed_window() -> None:
    assert windows.lower_middle(2, 256).tolist() == [[64, 128]] * 2


@pytest.mark.parametrize(("where", "expected"), [((4, 8, 12, 14), [4, 7]), ((0, 0, 2, 2), [0, 0]), ((0, 0, 0, 0), [4, 8])], ids=str)
def test_windows_lie_on_masks(where: tuple[int, int, int, int], expected: list[int]) -> None:
    assert windows.on_masks(mask(*where)).tolist() == [expected]


def test_a_window_put_where_it_was_cut_changes_nothing() -> None:
    images, corner = torch.rand(2, 3, 16, 16), torch.tensor([[0, 8], [3, 5]])
    cut = windows.cut(images, corner)
    assert torch.equal(cut[1], images[1, :, 5:13, 3:11])
    assert torch.equal(windows.put(images, cut, corner), images)


def test_only_the_window_is_put() -> None:
    changed = windows.put(torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 4, 4), torch.tensor([[1, 3]]))
    assert changed[0, 0, 3:7, 1:5].min() == 1
    assert changed.sum() == 16
