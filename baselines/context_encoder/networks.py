"""Networks of the context encoder: the one of seed 003 (specification 8.1), and Pathak's as released (8.3)."""

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from occbench.training.layers import Sigmoid, Tanh, Up, doubling, halving

WIDTHS = (1, 2, 4, 8, 8, 16)  # of the encoder's stages, times the base width
_POOLINGS = 5


class Trunk(nn.Sequential):
    """Six stages of two 3×3 convolutions with ELU, each but the last followed by 2×2 max-pooling (rounded up).

    Args:
        base: channels of the first stage.
    """

    def __init__(self, base: int) -> None:
        layers: list[nn.Module] = []
        before = 3
        for stage, width in enumerate(WIDTHS):
            for _ in range(2):
                layers += [nn.Conv2d(before, base * width, 3, padding=1), nn.ELU()]
                before = base * width
            if stage < _POOLINGS:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
        super().__init__(*layers)


class ChannelwiseLinear(nn.Module):
    """A linear layer a channel, over its positions: across the picture, not between channels (Pathak et al. 2016).

    Args:
        channels: how many.
        positions: height times width.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, positions, positions) / math.sqrt(positions))
        self.bias = nn.Parameter(torch.zeros(channels, positions))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        flat = torch.einsum("bcn,cnm->bcm", features.flatten(2), self.weight) + self.bias
        return flat.view(features.shape)


def sizes(height: int, width: int) -> list[tuple[int, int]]:
    """The picture's size, and what each pooling makes of it, rounded up."""
    found = [(height, width)]
    for _ in range(_POOLINGS):
        found.append((-(-found[-1][0] // 2), -(-found[-1][1] // 2)))
    return found


class Generator(nn.Module):
    """Encoder, channel-wise layer, mirrored decoder, sigmoid: a whole picture from one with a hole.

    Args:
        height, width: of pictures, px; the channel-wise layer is made for them.
        base: channels of the first stage; 16 as published.
    """

    def __init__(self, height: int = 128, width: int = 128, base: int = 16) -> None:
        super().__init__()
        down = sizes(height, width)
        self.encoder = Trunk(base)
        channels = [base * width for width in WIDTHS]
        self.across = nn.Sequential(ChannelwiseLinear(channels[-1], math.prod(down[-1])), nn.ELU())
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Conv2d(channels[-1], channels[-1], 3, padding=1), nn.ELU()]
        upwards = [channels[-1], *channels[-2::-1]]
        for (before, after), size in zip(pairwise(upwards), down[-2::-1], strict=True):
            layers += [Up(before, after, size), nn.ELU(), nn.Conv2d(after, after, 3, padding=1), nn.ELU()]
        layers += [nn.Conv2d(channels[0], 3, 3, padding=1), Sigmoid()]
        self.decoder = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] with holes, to (B, 3, H, W) in [0, 1]."""
        return cast(Tensor, self.decoder(self.across(self.encoder(images))))


class Discriminator(nn.Module):
    """The encoder's layers with weights of their own, and one unit over all that is left.

    Args:
        height, width: of pictures, px.
        base: channels of the first stage; 16 as published.
    """

    def __init__(self, height: int = 128, width: int = 128, base: int = 16) -> None:
        super().__init__()
        self.trunk = Trunk(base)
        self.judge = nn.Linear(base * WIDTHS[-1] * math.prod(sizes(height, width)[-1]), 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to logits (B, 1), high for real ones."""
        return cast(Tensor, self.judge(self.trunk(images).flatten(1)))


def initialise(network: nn.Module, *, random_biases: bool, gain: float = 1.0) -> None:
    """Normal weights, variance `gain` over the fan-in (1 in the seed, which draws biases likewise, as if their length were one)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            inputs = module.in_features if isinstance(module, nn.Linear) else module.in_channels * math.prod(module.kernel_size)
            nn.init.normal_(module.weight, 0, math.sqrt(gain / inputs))
            if module.bias is not None:
                nn.init.normal_(module.bias, 0, math.sqrt(1 / len(module.bias)) if random_biases else 0.0)


class PathakGenerator(nn.Module):
    """Pathak's network as released: a picture with a hole to the content of a window half as wide.

    Five convolutions (4/2/1), one to a vector, and back; leaky ReLUs on the way in, ReLUs on the way out; batch norm, but not at
    the ends.

    Args:
        bottleneck: length of the vector; 4000 in the released training command.
        base: channels of the first layer; 64 as published.
    """

    def __init__(self, bottleneck: int = 4000, base: int = 64) -> None:
        super().__init__()
        widths = [base, base, 2 * base, 4 * base, 8 * base]
        down = halving(3, widths[0])
        for before, after in pairwise(widths):
            down += halving(before, after, nn.BatchNorm2d(after))
        down += [nn.Conv2d(widths[-1], bottleneck, 4), nn.BatchNorm2d(bottleneck), nn.LeakyReLU(0.2)]
        up: list[nn.Module] = [nn.ConvTranspose2d(bottleneck, 8 * base, 4), nn.BatchNorm2d(8 * base), nn.ReLU()]
        for before, after in pairwise([8 * base, 4 * base, 2 * base, base]):
            up += doubling(before, after, nn.BatchNorm2d(after))
        up += [nn.ConvTranspose2d(base, 3, 4, 2, 1), Tanh()]
        self.layers = nn.Sequential(*down, *up)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 128, 128) in [0, 1] to (B, 3, 64, 64) in [0, 1]."""
        return (cast(Tensor, self.layers(images * 2 - 1)) + 1) / 2


class PathakDiscriminator(nn.Module):
    """Judges the window: four convolutions (4/2/1), batch norm but in the first, and one to a logit.

    Args:
        base: channels of the first layer; 64 as published.
    """

    def __init__(self, base: int = 64) -> None:
        super().__init__()
        layers = halving(3, base)
        for before, after in pairwise([base, 2 * base, 4 * base, 8 * base]):
            layers += halving(before, after, nn.BatchNorm2d(after))
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * base, 1, 4))

    def forward(self, windows: Tensor) -> Tensor:
        """(B, 3, 64, 64) in [0, 1] to logits (B, 1)."""
        return cast(Tensor, self.layers(windows * 2 - 1)).flatten(1)
