"""Restoring with trained networks: 8-bit images in, 8-bit images out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from occbench.training import Baseline
from occbench.training.feed import scaled

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Inferred:
    """What networks make of a batch.

    Attributes:
        images: (B, D, D, 3) uint8 RGB.
        masks: (B, D, D) uint8, where they believe the occlusion to be, 255 = occluded; None if they do not say.
        features: intermediate results, (B, ...) float32, at the networks' size.
    """

    images: Image
    masks: Image | None
    features: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


def infer(baseline: Baseline, occluded: Image, mask: Image | None, size: int, device: torch.device) -> Inferred:
    """Restore a batch with networks that are in evaluation mode.

    Images of another size than the networks' are scaled on the way in and out. Where a mask is given, its pixels with alpha 0 come
    back as they were, bit for bit.

    Args:
        baseline: built, on `device`.
        occluded: (B, D, D, 3) uint8 RGB, D whatever.
        mask: (B, D, D) uint8 alpha, anything but 0 is to be filled; None for blind baselines.
        size: of the networks, px.
        device: where they are.
    """
    height, width = occluded.shape[1:3]
    hidden = None if mask is None else mask > 0
    with torch.inference_mode():
        images = scaled(_tensor(occluded, device), size)
        holes = None if hidden is None else (scaled(_tensor(hidden[..., None] * np.uint8(255), device), size) > 0).float()
        found = baseline.restore(images, holes)
        restored = _levels(_back(found.images, height, width)).permute(0, 2, 3, 1).cpu().numpy()
        masks = None if found.masks is None else _levels(_back(found.masks, height, width))[:, 0].cpu().numpy()
        features = {name: value.float().cpu().numpy() for name, value in found.features.items()}
    if hidden is not None:
        restored = np.where(hidden[..., None], restored, occluded)
    return Inferred(np.ascontiguousarray(restored), masks, features)


@contextmanager
def evaluating(networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """Networks in evaluation mode; afterwards each of their modules is again in the mode that it was in."""
    before = [(module, module.training) for network in networks.values() for module in network.modules()]
    for network in networks.values():
        network.eval()
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


def _tensor(images: Image, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float() / 255


def _back(images: Tensor, height: int, width: int) -> Tensor:
    if images.shape[-2:] == (height, width):
        return images
    return nn.functional.interpolate(images, (height, width), mode="bicubic", antialias=True, align_corners=False)


def _levels(images: Tensor) -> Tensor:
    return (images.float().clamp(0, 1) * 255).round().to(torch.uint8)
