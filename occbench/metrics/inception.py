"""Features of the Inception-v3 network of 2015-12-05 (Szegedy et al. 2016), on which FID and KID are usually taken.

It differs from later Inception-v3s: average poolings leave their padding out, and the last block pools by maximum. The weights are
those that the pytorch-fid project converted from TensorFlow's graph. They are published as a pickle, which occbench does not read;
convert them once, in a Python that may:

    import torch, safetensors.torch
    state = torch.load("pt_inception-2015-12-05-6726825d.pth", weights_only=True)
    safetensors.torch.save_file({k: v.contiguous() for k, v in state.items()}, "pt_inception-2015-12-05.safetensors")
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Pillow
from torch import Tensor, nn
from torch.nn import functional

from occbench import weights
from occbench.metrics.networks import in_batches, load_weights

Image = npt.NDArray[np.uint8]

SIDE = 299
Size = int | tuple[int, int]


class _Convolution(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(self, before: int, after: int, size: Size, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


def _average(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class _A(nn.Module):
    """35×35: 1×1, 5×5, twice 3×3, pooling."""

    def __init__(self, before: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Convolution(before, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = _Convolution(before, 48, 1), _Convolution(48, 64, 5, padding=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Convolution(before, 64, 1), _Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Convolution(96, 96, 3, padding=1)
        self.branch_pool = _Convolution(before, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        triple = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), triple, self.branch_pool(_average(x))], 1)


class _B(nn.Module):
    """35×35 to 17×17."""

    def __init__(self, before: int) -> None:
        super().__init__()
        self.branch3x3 = _Convolution(before, 384, 3, stride=2)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Convolution(before, 64, 1), _Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = _Convolution(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        triple = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), triple, functional.max_pool2d(x, 3, 2)], 1)


class _C(nn.Module):
    """17×17: 1×1, 7×7 in two, twice that, pooling."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        across, down = partial(_Convolution, size=(1, 7), padding=(0, 3)), partial(_Convolution, size=(7, 1), padding=(3, 0))
        self.branch1x1 = _Convolution(768, 192, 1)
        self.branch7x7_1, self.branch7x7_2 = _Convolution(768, inner, 1), across(inner, inner)
        self.branch7x7_3 = down(inner, 192)
        self.branch7x7dbl_1, self.branch7x7dbl_2 = _Convolution(768, inner, 1), down(inner, inner)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = across(inner, inner), down(inner, inner)
        self.branch7x7dbl_5 = across(inner, 192)
        self.branch_pool = _Convolution(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), once, twice, self.branch_pool(_average(x))], 1)


class _D(nn.Module):
    """17×17 to 8×8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = _Convolution(768, 192, 1), _Convolution(192, 320, 3, stride=2)
        self.branch7x7x3_1 = _Convolution(768, 192, 1)
        self.branch7x7x3_2 = _Convolution(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = _Convolution(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = _Convolution(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        long = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), long, functional.max_pool2d(x, 3, 2)], 1)


class _E(nn.Module):
    """8×8: 1×1, 3×3 forked, twice that, pooling by mean or (the last block) by maximum."""

    def __init__(self, before: int, *, by_maximum: bool) -> None:
        super().__init__()
        self.by_maximum = by_maximum
        across, down = partial(_Convolution, size=(1, 3), padding=(0, 1)), partial(_Convolution, size=(3, 1), padding=(1, 0))
        self.branch1x1 = _Convolution(before, 320, 1)
        self.branch3x3_1 = _Convolution(before, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = across(384, 384), down(384, 384)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Convolution(before, 448, 1), _Convolution(448, 384, 3, padding=1)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = across(384, 384), down(384, 384)
        self.branch_pool = _Convolution(before, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        once, twice = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = functional.max_pool2d(x, 3, stride=1, padding=1) if self.by_maximum else _average(x)
        forks = (self.branch3x3_2a(once), self.branch3x3_2b(once), self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice))
        return torch.cat([self.branch1x1(x), *forks, self.branch_pool(pooled)], 1)


class _Network(nn.Module):
    """Images (B, 3, 299, 299) in [-1, 1] to features (B, 2048). Layers are named as in the published weights."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _Convolution(32, 32, 3)
        self.Conv2d_2b_3x3 = _Convolution(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = _Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = _Convolution(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _A(192, 32), _A(256, 64), _A(288, 64)
        self.Mixed_6a = _B(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = _C(128), _C(160), _C(160), _C(192)
        self.Mixed_7a = _D()
        self.Mixed_7b, self.Mixed_7c = _E(1280, by_maximum=False), _E(2048, by_maximum=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(functional.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        return self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))).mean((2, 3))  # type: ignore[no-any-return]


class Inception:
    """The network with its weights loaded.

    Args:
        path: of the converted weights; default where `occbench.weights` finds them.

    Raises:
        InputError: no such file, or not this network's weights.
    """

    def __init__(self, path: Path | None = None) -> None:
        with torch.device("meta"):
            self._network = _Network()
        load_weights(self._network, path or weights.find("inception-fid"), _kept)

    def __call__(self, images: Sequence[Image]) -> npt.NDArray[np.float32]:
        """Features (N, 2048) float32 of images (H, W, 3) uint8 RGB of any sizes."""
        return in_batches(self._network, images, prepare=_prepared).astype(np.float32)


def resized(image: Image) -> npt.NDArray[np.float32]:
    """An image at 299×299 by Pillow's antialiased bicubic filter, each channel in float32 and not rounded (Parmar et al. 2022)."""
    planes = [Pillow.fromarray(image[..., k].astype(np.float32)).resize((SIDE, SIDE), Pillow.Resampling.BICUBIC) for k in range(3)]
    return np.stack([np.asarray(plane, dtype=np.float32) for plane in planes], axis=2)


def _prepared(images: Sequence[Image]) -> Tensor:
    """Images of any sizes to (N, 3, 299, 299) float32, scaled as the original graph does."""
    return (torch.from_numpy(np.stack([resized(image) for image in images]).transpose(0, 3, 1, 2).copy()) - 128) / 128


def _kept(key: str) -> str | None:
    """The classifier behind the features is not needed."""
    return None if key.startswith("fc.") else key
