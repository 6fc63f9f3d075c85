"""Networks of the double discriminator (seed 004; specification 6.2 and 6.3)."""

from itertools import pairwise
from typing import Literal

from torch import nn

from occbench.training.layers import Tanh, doubling, halving

Output = Literal["whole", "window"]
_WIDTHS = (1, 1, 2, 4, 8)  # on the way down, times the base width


class Generator(nn.Sequential):
    """Five 4×4 convolutions, a wide 1×1 one, and back: an adapted context encoder.

    Of pictures (B, 3, S, S) in [-1, 1], S a multiple of 32, it makes (B, 3, S, S) or (B, 3, S/2, S/2) in [-1, 1].

    Args:
        base: channels of the first layer; 64 as published.
        bottleneck: channels of the 1×1 convolution; 4000 as published.
        output: `whole` pictures, or a `window` half as wide (the seed's "half").
        epsilon: of its batch norms.
    """

    def __init__(self, base: int = 64, bottleneck: int = 4000, output: Output = "whole", epsilon: float = 1e-5) -> None:
        widths = [base * width for width in _WIDTHS]
        layers = halving(3, base)
        for before, after in pairwise(widths):
            layers += halving(before, after, nn.BatchNorm2d(after, eps=epsilon))
        layers.append(nn.Conv2d(widths[-1], bottleneck, 1))
        upwards = [bottleneck, 8 * base, 4 * base, 2 * base, base, *([base] if output == "whole" else [])]
        for before, after in pairwise(upwards):
            layers += doubling(before, after, nn.BatchNorm2d(after, eps=epsilon))
        super().__init__(*layers, nn.Conv2d(base, 3, 3, padding=1), Tanh())


class PatchDiscriminator(nn.Sequential):
    """Scores patches: five 3×3 convolutions, three of stride 2; (B, 3, S, S) in [-1, 1] to (B, 1, S/8, S/8).

    Args:
        base: channels of the first layer; 64 as published.
    """

    def __init__(self, base: int = 64) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, base, 3, 2, 1), nn.LeakyReLU(0.2)]
        for number, (before, after) in enumerate(pairwise([base, 2 * base, 4 * base, 8 * base])):
            stride = 1 if number == 2 else 2
            layers += [nn.Conv2d(before, after, 3, stride, 1), nn.InstanceNorm2d(after), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(8 * base, 1, 3, 1, 1))


class VectorDiscriminator(nn.Sequential):
    """One logit (B, 1) a picture (B, 3, S, S) in [-1, 1]: 5×5 convolutions of stride 2 down to 4×4 at the published sizes, and a
    linear layer.

    Args:
        size: of pictures, px; 256 for the global one, 128 for the local one.
        depth: convolutions; 6 for the global one, 5 for the local one.
        base: channels of the first layer; 64 as published.
    """

    def __init__(self, size: int, depth: int, base: int = 64) -> None:
        widths = [base * min(2**k, 8) for k in range(depth)]
        layers: list[nn.Module] = [nn.Conv2d(3, base, 5, 2, 2), nn.LeakyReLU(0.2)]
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 5, 2, 2), nn.InstanceNorm2d(after), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Flatten(), nn.Linear(widths[-1] * (size >> depth) ** 2, 1))
