"""Networks after Din et al. 2020, as a re-implementation describes them (specification 5): blocks, U-Net, discriminators."""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from occbench.training.layers import Tanh

DEPTH = 5
_RATES = (2, 4, 8, 16)  # dilation at the bottleneck
_DROPPED = 3  # of the first blocks on the way down
_OPENED = 4  # px, side of the square that opens a map


class Excitation(nn.Module):
    """Squeeze and excitation: each channel weighted by what all of them are on average (Hu et al. 2018).

    Args:
        channels: how many.
        reduction: of channels inside.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inside = max(channels // reduction, 1)
        self.layers = nn.Sequential(nn.Linear(channels, inside), nn.ReLU(), nn.Linear(inside, channels), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        weights: Tensor = self.layers(features.mean((2, 3)))
        return features * weights[..., None, None]


def _block(before: int, after: int, *, norm: bool = True) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, 1, 1), *([nn.InstanceNorm2d(after)] if norm else []), nn.LeakyReLU(0.2)]


class UNet(nn.Module):
    """A stem, five blocks with poolings down, five up, a head, tanh. Skips are taken before each pooling.

    Args:
        inputs, outputs: channels of pictures.
        base: channels of the stem; 32 in the description. They double with each block.
        editing: the editing generator's additions: dropout in the first three blocks, squeeze-and-excitation after each of them,
            and four dilated convolutions at the bottleneck.
    """

    def __init__(self, inputs: int, outputs: int, base: int = 32, *, editing: bool = False) -> None:
        super().__init__()
        widths = [base * 2**k for k in range(DEPTH + 1)]
        self.stem = nn.Conv2d(inputs, base, 1)
        self.down = nn.ModuleList()
        for number, (before, after) in enumerate(pairwise(widths)):
            more = [nn.Dropout(0.5), Excitation(after)] if editing and number < _DROPPED else []
            self.down.append(nn.Sequential(*_block(before, after, norm=number > 0), *more))
        self.bottleneck = nn.Sequential()
        for rate in _RATES if editing else ():
            self.bottleneck.append(nn.Conv2d(widths[-1], widths[-1], 3, padding=rate, dilation=rate)).append(nn.LeakyReLU(0.2))
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        for after, before in reversed(list(pairwise(widths))):
            self.up.append(nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1))
            self.merge.append(nn.Sequential(*_block(after + before, after)))
        self.head = nn.Sequential(nn.Conv2d(base, outputs, 1), Tanh())

    def forward(self, images: Tensor) -> Tensor:
        """(B, inputs, S, S), S a multiple of 32, to (B, outputs, S, S) in [-1, 1]."""
        features, skips = self.stem(images), []
        for block in self.down:
            skips.append(block(features))
            features = F.max_pool2d(skips[-1], 2)
        features = self.bottleneck(features)
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            features = merge(torch.cat([up(features), skip], dim=1))
        return cast(Tensor, self.head(features))


class Discriminator(nn.Sequential):
    """Scores patches of what it is shown, all side by side as channels (B, inputs, S, S), as logits (B, 1, S/16, S/16).

    Args:
        inputs: channels.
        base: of the stem; 8 in the description. They double with each of four blocks.
    """

    def __init__(self, inputs: int, base: int = 8) -> None:
        layers: list[nn.Module] = [nn.Conv2d(inputs, base, 1)]
        for number in range(4):
            layers += [*_block(base * 2**number, base * 2 ** (number + 1), norm=number > 0), nn.MaxPool2d(2)]
        super().__init__(*layers, nn.Conv2d(base * 16, 1, 1))


def opened(maps: Tensor) -> Tensor:
    """Maps (B, 1, S, S) of 0 and 1 without specks: eroded, then dilated, by a square of 4 px."""
    before, after = (_OPENED - 1) // 2, _OPENED // 2
    eroded = -F.max_pool2d(F.pad(-maps, (before, after, before, after), value=-1.0), _OPENED, 1)
    return F.max_pool2d(F.pad(eroded, (after, before, after, before), value=0.0), _OPENED, 1)
