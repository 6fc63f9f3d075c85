"""Features of VGG-16 (Simonyan and Zisserman 2015), trained on ImageNet: the trunk of LPIPS and of perceptual losses."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from occbench import weights
from occbench.metrics.networks import load_weights, taps

_GROUPS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # channels, between poolings
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's R, G, B


def vgg16() -> nn.Sequential:
    """The convolutions up to conv5_3 with their ReLUs and poolings, with random weights, for normalised images."""
    layers: list[nn.Module] = []
    before = 3
    for number, group in enumerate(_GROUPS):
        if number:
            layers.append(nn.MaxPool2d(2))
        for width in group:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
    return nn.Sequential(*layers)


def _named() -> dict[str, int]:
    """`relu1_1` to `relu5_3`, and the number of that layer in the trunk."""
    named, number = {}, -1
    for k, group in enumerate(_GROUPS, 1):
        for n in range(1, len(group) + 1):
            number += 2  # a convolution and its ReLU
            named[f"relu{k}_{n}"] = number
        number += 1  # the pooling
    return named


class Features(nn.Module):
    """The trunk with its weights loaded and frozen; gradients reach the images.

    Args:
        names: which features, of `relu1_1` ... `relu5_3`; deeper layers are not run.
        path: of LPIPS's VGG-16 file; default where `occbench.weights` finds it.

    Raises:
        InputError: no weights, or those of another network.
        ValueError: a name that there is not.
    """

    def __init__(self, names: Sequence[str], path: Path | None = None) -> None:
        super().__init__()
        known = _named()
        if not names or not set(names) <= known.keys():
            raise ValueError(f"features are some of {', '.join(known)}, not {', '.join(names) or 'none'}")
        self._at = {known[name]: name for name in sorted(names, key=known.__getitem__)}
        with torch.device("meta"):
            self.features = vgg16()
        load_weights(self, path or weights.find("lpips-vgg"), lambda key: None if key.startswith("lin") else key)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Features by name, each (B, C, h, w), the first layer's first, of images (B, 3, H, W) in [0, 1]."""
        mean, deviation = (images.new_tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _DEVIATION))
        found = taps(self.features, tuple(self._at), (images - mean) / deviation)
        return dict(zip(self._at.values(), found, strict=True))
