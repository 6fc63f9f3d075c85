"""Networks of OA-GAN (Cai et al. 2021): as released (specification 1.2, 1.3), and seed 000's reading of the paper's table (3.1)."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from occbench.training.layers import Sigmoid, Tanh

Layout = Literal["released", "seed-000"]


@dataclass(frozen=True)
class Seen:
    """What the generator makes of occluded pictures.

    Attributes:
        synthesis: (B, 3, S, S) in [-1, 1], a face everywhere.
        visible: (B, 1, S, S) in (0, 1), 1 = visible.
        features: (B, width, S, S), of the occlusion-aware module, not yet filtered.
    """

    synthesis: Tensor
    visible: Tensor
    features: Tensor

    def composed(self, occluded: Tensor) -> Tensor:
        """The recovered picture (B, 3, S, S): the input where it is visible, the synthesis elsewhere."""
        return self.visible * occluded + (1 - self.visible) * self.synthesis


class Residual(nn.Module):
    """Two 3×3 convolutions with a norm after each; the input is added, without a ReLU after the sum (seed 000 has one)."""

    def __init__(self, channels: int, layout: Layout) -> None:
        super().__init__()
        released = layout == "released"
        layers: list[nn.Module] = []
        for number in range(2):
            layers.append(nn.Conv2d(channels, channels, 3, 1, 1, bias=False))
            layers.append(nn.InstanceNorm2d(channels, affine=True) if released else nn.BatchNorm2d(channels))
            if number == 0:
                layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers)
        self._after: nn.Module = nn.Identity() if released else nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        summed: Tensor = self._after(features + self.layers(features))
        return summed


class Generator(nn.Module):
    """Occlusion-aware module, mask head, and face-completion module on the features that the mask lets through.

    Args:
        blocks: residual blocks; 6 as released, 3 in the paper's figure.
        width: channels of the first layer; 64 as published.
        layout: `seed-000` has biases and norms without affine parameters outside residual blocks, and batch norm inside.
    """

    def __init__(self, blocks: int = 6, width: int = 64, layout: Layout = "released") -> None:
        super().__init__()
        released = layout == "released"

        def layer(
            convolution: type[nn.Conv2d] | type[nn.ConvTranspose2d], before: int, after: int, k: int, s: int, p: int
        ) -> nn.Module:
            norm = nn.InstanceNorm2d(after, affine=released)
            return nn.Sequential(convolution(before, after, k, s, p, bias=not released), norm, nn.ReLU())

        w = width
        self.aware = nn.Sequential(
            layer(nn.Conv2d, 3, w, 7, 1, 3),
            layer(nn.Conv2d, w, 2 * w, 4, 2, 1),
            layer(nn.Conv2d, 2 * w, 4 * w, 4, 2, 1),
            *(Residual(4 * w, layout) for _ in range(blocks)),
            layer(nn.ConvTranspose2d, 4 * w, 2 * w, 4, 2, 1),
            layer(nn.ConvTranspose2d, 2 * w, w, 4, 2, 1),
        )
        self.mask = nn.Sequential(nn.Conv2d(w, 1, 7, 1, 3, bias=not released), Sigmoid())
        self.completion = nn.Sequential(
            layer(nn.Conv2d, w, 2 * w, 4, 2, 1),
            layer(nn.Conv2d, 2 * w, 4 * w, 4, 2, 1),
            layer(nn.Conv2d, 4 * w, 8 * w, 4, 2, 1),
            layer(nn.ConvTranspose2d, 8 * w, 4 * w, 4, 2, 1),
            layer(nn.ConvTranspose2d, 4 * w, 2 * w, 4, 2, 1),
            layer(nn.ConvTranspose2d, 2 * w, w, 4, 2, 1),
            nn.Conv2d(w, 3, 7, 1, 3, bias=not released),
            Tanh(),
        )

    def forward(self, occluded: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (B, 3, S, S) in [-1, 1], S a multiple of 8, to synthesis, visibility and features, see `Seen`."""
        features = self.aware(occluded)
        visible = self.mask(features)
        return self.completion(visible * features), visible, features

    def see(self, occluded: Tensor) -> Seen:
        """As `forward`, by name."""
        return Seen(*self(occluded))


class Discriminator(nn.Module):
    """Six convolutions, a head that scores patches, and a head for attributes.

    Args:
        size: of pictures, px, a multiple of 64.
        attributes: how many; 0 for no such head.
        width: channels of the first layer; 64 as published.
        instance_norm: affine instance norm between convolution and activation, in all but the first.
        spectral: spectral normalisation of all convolutions, heads included.
    """

    def __init__(
        self, size: int = 128, attributes: int = 7, width: int = 64, *, instance_norm: bool = False, spectral: bool = False
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for number in range(6):
            after = width * 2**number
            layers.append(nn.Conv2d(before, after, 4, 2, 1))
            # At a single position there is nothing to normalise: the mean of one value is that value.
            if instance_norm and number and size > 2 ** (number + 1):
                layers.append(nn.InstanceNorm2d(after, affine=True))
            layers.append(nn.LeakyReLU(0.01))
            before = after
        self.trunk = nn.Sequential(*layers)
        self.real = nn.Conv2d(before, 1, 3, 1, 1, bias=False)
        self.attributes = nn.Conv2d(before, attributes, size // 64, bias=False) if attributes else None
        self._normalised = [m for m in self.modules() if isinstance(m, nn.Conv2d)] if spectral else []
        for module in self._normalised:
            spectral_norm(module)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Pictures (B, 3, S, S) in [-1, 1] to raw scores (B, 1, S/64, S/64) and attributes (B, C, 1, 1), None without a head."""
        if not self._normalised:
            return self._judge(images)
        with parametrize.cached():
            with torch.autocast(images.device.type, enabled=False):  # which would round the power iteration on a GPU
                _ = [module.weight for module in self._normalised]
            return self._judge(images)

    def _judge(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.trunk(images)
        return self.real(features), None if self.attributes is None else self.attributes(features)
