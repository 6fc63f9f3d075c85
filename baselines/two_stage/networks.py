"""Networks of two-stage un-masking (specification 4.2), but for the first stage's, which `occbench.training.segmentation` has."""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from occbench.training.layers import BatchInstanceNorm2d, UNet

DEPTH = 6


def face_generator(base: int, *, running: bool) -> UNet:
    """Face G: pictures with noise in the place of masks, to faces; (B, 3, S, S) in [-1, 1], S a multiple of 64."""
    return UNet(base, DEPTH, dropped=2, running=running)


class FaceDiscriminator(nn.Sequential):
    """Face D: scores patches of a candidate, given the picture with noise. Convolutions without biases.

    Args:
        base: channels of the first layer.
        running: running statistics of its norms. They are never used: it only judges in training.
    """

    def __init__(self, base: int, *, running: bool) -> None:
        layers: list[nn.Module] = [nn.Conv2d(6, base, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for number, (before, after) in enumerate(pairwise([base, 2 * base, 4 * base, 8 * base])):
            stride = 1 if number == 2 else 2
            norm = BatchInstanceNorm2d(after, running=running)
            layers += [nn.Conv2d(before, after, 4, stride, 1, bias=False), norm, nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(8 * base, 1, 4, 1, 1, bias=False))

    def judge(self, noisy: Tensor, candidate: Tensor) -> Tensor:
        """Both (B, 3, S, S) in [-1, 1], to logits (B, 1, S/8 - 2, S/8 - 2), high for real ones."""
        return cast(Tensor, self(torch.cat([noisy, candidate], dim=1)))


def noisy(pictures: Tensor, found: Tensor, noise: Tensor, threshold: float) -> Tensor:
    """Noise wherever, in each channel by itself, a map says occluded; the picture elsewhere.

    Args:
        pictures: (B, 3, S, S) in [-1, 1].
        found: maps (B, 3, S, S) in [-1, 1].
        noise: (B or 1, 3, S, S) in [-1, 1).
        threshold: of maps; what is above it is occluded.
    """
    return torch.where(found > threshold, noise, pictures)
