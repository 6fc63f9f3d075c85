"""Where masks lie: the box around each, and square windows on them."""

import torch
from torch import Tensor


def boxes(masks: Tensor) -> Tensor:
    """The smallest box around each mask.

    Args:
        masks: (B, 1, H, W), more than 0 = in it.

    Returns:
        (B, 4) float32: left, top, right, bottom in px, edges at whole numbers; (W, H, 0, 0) where there is nothing.
    """
    sides = []
    for axis in (-2, -1):
        there = masks.amax(axis)[:, 0] > 0  # (B, W), then (B, H)
        along = torch.arange(there.shape[1], device=masks.device, dtype=torch.float32)
        sides.append((torch.where(there, along, float(there.shape[1])).amin(1), torch.where(there, along + 1, 0.0).amax(1)))
    (left, right), (top, bottom) = sides
    return torch.stack([left, top, right, bottom], dim=1)


def corners(centres: Tensor, size: int) -> Tensor:
    """Upper left corners (B, 2) int64, x and y, of windows half as wide as pictures of `size` px, as near `centres` (B, 2) as the
    frame allows."""
    return centres.round().long().clamp(size // 4, size - size // 4) - size // 4


def on_masks(masks: Tensor) -> Tensor:
    """Corners of windows on masks (B, 1, S, S): on the middles of their boxes. Of the lower middle, where there is no mask."""
    size = masks.shape[-1]
    found = boxes(masks)
    middle = (found[:, :2] + found[:, 2:]) / 2
    empty = found[:, 2] <= found[:, 0]
    return torch.where(empty[:, None], lower_middle(masks.shape[0], size).to(masks.device), corners(middle, size))


def lower_middle(count: int, size: int) -> Tensor:
    """Corners of the window that seed 004 fixes: rows 128 to 255, columns 64 to 191 of 256."""
    return torch.tensor([[size // 4, size // 2]]).expand(count, 2)


def cut(images: Tensor, corner: Tensor) -> Tensor:
    """Windows (B, C, S/2, S/2) of pictures (B, C, S, S), each with its upper left corner (B, 2). Gradients go through."""
    rows, columns = _places(images.shape[-1], corner)
    return images[torch.arange(images.shape[0], device=images.device)[:, None, None], :, rows, columns].permute(0, 3, 1, 2)


def put(images: Tensor, windows: Tensor, corner: Tensor) -> Tensor:
    """Pictures (B, C, S, S) with windows (B, C, S/2, S/2) in their places."""
    rows, columns = _places(images.shape[-1], corner)
    changed = images.clone()
    changed[torch.arange(images.shape[0], device=images.device)[:, None, None], :, rows, columns] = windows.permute(0, 2, 3, 1)
    return changed


def _places(size: int, corner: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (B, S/2, 1) and columns (B, 1, S/2)."""
    along = torch.arange(size // 2, device=corner.device)
    return corner[:, 1, None, None] + along[:, None], corner[:, 0, None, None] + along
