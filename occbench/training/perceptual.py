"""Frozen networks whose features losses compare: VGG-16 (tapped after poolings, or as `vgg16-relu` after ReLUs before them) and
ResNet-34, trained on ImageNet.

VGG-16's weights are those that LPIPS uses (`weights.find("lpips-vgg")`). ResNet-34's must be converted by the user, once, from the
pickle that torchvision publishes (`resnet34-b627a593.pth`; the result is looked for as `resnet34.safetensors`):

    state = torch.load("resnet34-b627a593.pth", weights_only=True)
    safetensors.torch.save_file({k: v for k, v in state.items() if not k.startswith("fc.")}, "resnet34.safetensors")
"""

from collections.abc import Callable
from typing import Literal, Self

import torch
from torch import Tensor, nn

from occbench import weights
from occbench.metrics.networks import load_weights
from occbench.metrics.vgg import vgg16

Name = Literal["vgg16", "vgg16-relu", "resnet34"]


class Taps(nn.Module):
    """Stages of a frozen network; each continues where the one before ends, and its output is a tap.

    It stays in evaluation mode whatever is asked of it: batch statistics of faces must not reach ImageNet's.
    """

    def __init__(self, *stages: nn.Module) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Nothing."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Taps, each (B, C, h, w), of images (B, 3, H, W) as the losses hand them over: in [-1, 1], not normalised further."""
        taps = []
        for stage in self.stages:
            images = stage(images)
            taps.append(images)
        return taps


def vgg16_taps() -> Taps:
    """VGG-16 (Simonyan and Zisserman 2015) up to pool3, a tap after each of the three poolings; random weights."""
    return _vgg16_taps(vgg16())


def _vgg16_taps(trunk: nn.Sequential) -> Taps:
    return Taps(trunk[:5], trunk[5:10], trunk[10:17])


def _vgg16_relu_taps(trunk: nn.Sequential) -> Taps:
    """The last ReLUs of the first four stages (Johnson et al. 2016); the indices 3, 8, 15 and 22 of specification 5."""
    return Taps(trunk[:4], trunk[4:9], trunk[9:16], trunk[16:23])


class _Block(nn.Module):
    """Two 3×3 convolutions and a way around them (He et al. 2016)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        around = stride != 1 or before != after
        self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)) if around else None

    def forward(self, features: Tensor) -> Tensor:
        inside = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(features)))))
        return torch.relu(inside + (features if self.downsample is None else self.downsample(features)))


class _ResNet34(nn.Module):
    """ResNet-34's layers under torchvision's names, so that its weights fit; never run as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for number, (width, depth) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
            blocks = [_Block(before if k == 0 else width, width, 2 if k == 0 and number > 1 else 1) for k in range(depth)]
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
            before = width


def _resnet34_taps(network: nn.Module) -> Taps:
    """ResNet-34 without its stem's pooling, cut inside the layers as in seed 002 (specification 2.2)."""
    stem = (network.get_submodule("conv1"), network.get_submodule("bn1"), nn.ReLU())
    one, two, three, four = (list(network.get_submodule(f"layer{number}").children()) for number in range(1, 5))
    return Taps(
        nn.Sequential(*stem, *one, two[0]),
        nn.Sequential(*two[1:], *three[:2]),
        nn.Sequential(*three[2:], *four),
    )


def resnet34_taps() -> Taps:
    """As `vgg16_taps`, of ResNet-34."""
    return _resnet34_taps(_ResNet34())


_VGG: dict[str, Callable[[nn.Sequential], Taps]] = {"vgg16": _vgg16_taps, "vgg16-relu": _vgg16_relu_taps}


def random_notice(name: Name, whose: str) -> str:
    """What must be said of results with random perceptual weights."""
    told = "its terms compare noise, and results must not be quoted as"
    return f"The perceptual network ({name}) has RANDOM weights: {told} {whose}."


def features(name: Name, *, random: bool) -> Taps:
    """A frozen network with its weights.

    Args:
        name: of the network.
        random: random weights from a fixed seed instead, for whoever has no weights; say so loudly.

    Raises:
        InputError: no weights, or those of another network.
    """
    if random:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return resnet34_taps() if name == "resnet34" else _VGG[name](vgg16())
    if name in _VGG:
        trunk = vgg16()
        holder = nn.ModuleDict({"features": trunk})
        load_weights(holder, weights.find("lpips-vgg"), _convolutions)
        return _VGG[name](trunk)
    network = _ResNet34()
    load_weights(network, weights.find("resnet34"), lambda key: None if key.startswith("fc.") else key)
    return _resnet34_taps(network)


_convolutions: Callable[[str], str | None] = lambda key: None if key.startswith("lin") else key  # noqa: E731
