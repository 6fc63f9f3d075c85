"""LPIPS v0.1 (Zhang, Isola, Efros, Shechtman and Wang 2018): distance between deep features, weighted to agree with people."""

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from occbench import weights
from occbench.metrics import Metric
from occbench.metrics.networks import in_batches, load_weights, taps
from occbench.metrics.vgg import vgg16

Image = npt.NDArray[np.uint8]
Net = Literal["alex", "vgg"]


def _declared(name: str, net: Net, about: str, *, default: bool) -> Metric:
    return Metric(
        name=name,
        about=about,
        higher_is_better=False,
        lowest=0.0,
        highest=None,
        regions=("full", "mask"),
        kind="image",
        signature=f"{name}|net:{net}|version:0.1|input:[-1,1]|mask:composite|weights:{weights.WEIGHTS[f'lpips-{net}'].mark}|v1",
        weights=f"lpips-{net}",
        default=default,
    )


LPIPS_ALEX = _declared("lpips", "alex", "LPIPS v0.1 on AlexNet.", default=True)
LPIPS_VGG = _declared("lpips_vgg", "vgg", "LPIPS v0.1 on VGG-16.", default=False)


def alexnet() -> nn.Sequential:
    """The convolutions of AlexNet (Krizhevsky 2014) with their ReLUs and poolings; input normalised."""
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    )


# After which layers (counted from 0) features are compared, and how many channels they have.
_TAPS = {"alex": {1: 64, 4: 192, 7: 384, 9: 256, 11: 256}, "vgg": {3: 64, 8: 128, 15: 256, 22: 512, 29: 512}}


class _Network(nn.Module):
    """The trunk and, for each tap, non-negative weights of its channels."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.at = _TAPS[net]
        self.features = alexnet() if net == "alex" else vgg16()
        self.lin = nn.ParameterList(nn.Parameter(torch.zeros(1, width, 1, 1)) for width in self.at.values())

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] each; (B,)."""
        total = torch.zeros(len(first))
        for lin, a, b in zip(self.lin, *(self._unit(images) for images in (first, second)), strict=True):
            total = total + ((a - b) ** 2 * lin).sum(1).mean((1, 2))
        return total

    def _unit(self, images: Tensor) -> list[Tensor]:
        shift, scale = (images.new_tensor(v).view(1, 3, 1, 1) for v in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))
        found = taps(self.features, tuple(self.at), ((2 * images - 1) - shift) / scale)
        return [features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10) for features in found]


class LPIPS:
    """The metric with its weights loaded.

    Args:
        net: `alex` or `vgg`.
        path: of the weights; default where `occbench.weights` finds them.

    Raises:
        InputError: no weights, or those of another network.
    """

    def __init__(self, net: Net = "alex", path: Path | None = None) -> None:
        with torch.device("meta"):
            self._network = _Network(net)
        load_weights(self._network, path or weights.find(f"lpips-{net}"), _renamed)

    def __call__(self, first: Image, second: Image) -> npt.NDArray[np.float64]:
        """Distances (N,) of two stacks of images, (N, H, W, 3) uint8 each.

        Raises:
            ValueError: images of different sizes, too small for the network, or not uint8.
        """
        if first.shape != second.shape:
            raise ValueError(f"LPIPS compares images of one size, not {first.shape} with {second.shape}")
        if min(first.shape[1:3]) < 32:
            raise ValueError(f"images of {first.shape[2]}×{first.shape[1]} px are too small for LPIPS: 32 px are needed")
        return in_batches(self._network, first, second)


def _renamed(key: str) -> str:
    if key.startswith("lin"):
        return f"lin.{key[3]}"
    return key
