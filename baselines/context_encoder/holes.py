"""Holes: where they lie, and the window around one that Pathak's network fills."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from occbench.training.windows import boxes

Kind = Literal["mask", "rectangles", "quadrant", "centre"]

# Pathak's window of 64 px holds a band of 4 px on each side that is visible; so for a hole of any size.
WINDOW, BAND = 64, 4


def rectangles(count: int, side: int, rng: torch.Generator) -> Tensor:
    """Random rectangles, one a picture, with sides from a quarter to a half of it, anywhere inside.

    Args:
        count: pictures.
        side: of pictures, px.
        rng: of the draws.

    Returns:
        (count, 1, side, side) float32, 1 = hole, on the CPU.
    """
    height, width = torch.randint(side // 4, side // 2 + 1, (2, count), generator=rng)
    places = torch.rand((2, count), generator=rng)
    top, left = ((places[k] * (side - extent + 1)).long() for k, extent in enumerate((height, width)))
    return _filled(top, left, height, width, side)


def quadrant(count: int, side: int, rng: torch.Generator) -> Tensor:
    """The seed's random rectangle: one for the whole batch, which always begins in the upper left quadrant; as `rectangles`."""
    height, width = torch.randint(side // 4, side // 2 + 1, (2, 1), generator=rng)
    top, left = torch.randint(0, side // 2, (2, 1), generator=rng)
    return _filled(top, left, height, width, side).expand(count, 1, side, side)


def centre(count: int, side: int, hole: int) -> Tensor:
    """A square of `hole` px in the middle; as `rectangles`."""
    first = torch.tensor([(side - hole) // 2])
    return _filled(first, first, torch.tensor([hole]), torch.tensor([hole]), side).expand(count, 1, side, side)


def _filled(top: Tensor, left: Tensor, height: Tensor, width: Tensor, side: int) -> Tensor:
    along = torch.arange(side)
    rows = (along >= top[:, None]) & (along < (top + height)[:, None])
    columns = (along >= left[:, None]) & (along < (left + width)[:, None])
    return (rows[:, None, :, None] & columns[:, None, None, :]).float()


def windows(holes: Tensor) -> Tensor:
    """The square around each hole, with the band of visible pixels.

    Args:
        holes: (B, 1, S, S), 1 = hole.

    Returns:
        (B, 3) float32: centre x, centre y and half a side, in px with edges at whole numbers; the whole picture where there is
        no hole.
    """
    size = holes.shape[-1]
    left, top, right, bottom = boxes(holes).unbind(1)
    empty = right <= left
    half = torch.maximum(right - left, bottom - top) / 2 * (WINDOW / (WINDOW - 2 * BAND))
    middle = torch.stack([(left + right) / 2, (top + bottom) / 2, half], dim=1)
    return torch.where(empty[:, None], torch.full_like(middle, size / 2), middle)


def cut(images: Tensor, where: Tensor) -> Tensor:
    """The windows of pictures as (B, C, 64, 64), bilinear; pixels beyond the picture repeat its border."""
    size = images.shape[-1]
    along = (torch.arange(WINDOW, device=images.device) + 0.5) / WINDOW * 2 - 1  # of the window, edges at -1 and 1
    x, y = (where[:, k : k + 1] + along * where[:, 2:] for k in (0, 1))  # (B, 64) px
    grid = _grid(x, y) / size * 2 - 1
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def paste(filled: Tensor, where: Tensor, size: int) -> Tensor:
    """The inverse of `cut`: windows (B, C, 64, 64) where they belong in pictures of `size` px; beyond them their border repeats."""
    along = torch.arange(size, device=filled.device) + 0.5
    x, y = ((along - where[:, k : k + 1]) / where[:, 2:] for k in (0, 1))  # (B, S), edges of the window at -1 and 1
    return F.grid_sample(filled, _grid(x, y), mode="bilinear", padding_mode="border", align_corners=False)


def _grid(x: Tensor, y: Tensor) -> Tensor:
    """Coordinates (B, n, n, 2) of all crossings of columns (B, n) and rows (B, n)."""
    count = x.shape[1]
    return torch.stack([x[:, None, :].expand(-1, count, -1), y[:, :, None].expand(-1, -1, count)], dim=-1)
