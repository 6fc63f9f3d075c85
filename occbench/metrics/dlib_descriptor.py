"""dlib's 128-D face descriptor (King 2017) as a torch network, reading the weights from dlib's own model file.

A ResNet with 29 convolutions; dlib's wheel has no BLAS and needs ten times as long for the same numbers. dlib's layers differ from
the usual ones in three ways that are kept here: strided convolutions and poolings do not pad; where the two branches of a block
differ in size or channels, the smaller counts as zero there; `affine` is what batch normalisation became after training.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from occbench import weights
from occbench.errors import InputError
from occbench.metrics.networks import in_batches

Image = npt.NDArray[np.uint8]

SIDE = 150  # px of a face chip
# Where eye centres, nose tip and mouth corners lie in a chip, the image's left first.
TEMPLATE = np.array([(48.5, 47.8), (100.5, 47.8), (74.5, 76.0), (50.7, 105.1), (98.3, 105.1)])  # means over 330 faces of LFW

_LARGEST = 1 << 25  # bytes of a model file that are looked at; the model has 22 million
_MEAN = (122.782, 117.001, 104.298)
# (channels, blocks, whether the first halves the frame), from the input to the output.
_LEVELS = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))


class _Convolution(nn.Module):
    """A convolution and the channel-wise affine map behind it."""

    def __init__(self, before: int, after: int, side: int, stride: int) -> None:
        super().__init__()
        padding = (side - 1) // 2 if stride == 1 else 0
        self.convolution = nn.Conv2d(before, after, side, stride, padding)
        self.gain = nn.Parameter(torch.ones(after))
        self.shift = nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x) * self.gain.view(1, -1, 1, 1) + self.shift.view(1, -1, 1, 1)  # type: ignore[no-any-return]


class _Block(nn.Module):
    """Two convolutions beside the identity, or beside its average pooling where the frame is halved."""

    def __init__(self, before: int, after: int, *, halved: bool) -> None:
        super().__init__()
        self.halved = halved
        self.first = _Convolution(before, after, 3, 2 if halved else 1)
        self.second = _Convolution(after, after, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        beside = functional.avg_pool2d(x, 2, 2) if self.halved else x
        return functional.relu(_sum(self.second(functional.relu(self.first(x))), beside))


class _Network(nn.Module):
    """Chips (B, 3, 150, 150) in [0, 1] to descriptors (B, 128)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, 32, 7, 2)
        blocks, before = [], 32
        for width, count, halved in _LEVELS:
            for number in range(count):
                blocks.append(_Block(before, width, halved=halved and number == 0))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(256, 128, bias=False)

    def forward(self, chips: Tensor) -> Tensor:
        mean = chips.new_tensor(_MEAN).view(1, 3, 1, 1)
        x = functional.relu(self.stem((chips * 255 - mean) / 256))
        return self.last(self.blocks(functional.max_pool2d(x, 3, 2)).mean((2, 3)))  # type: ignore[no-any-return]


class Descriptor:
    """The descriptor with its weights loaded.

    Args:
        path: of dlib's model file; default where `occbench.weights` finds it.

    Raises:
        InputError: no such file, or not this model.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or weights.find("dlib-descriptor")
        with torch.device("meta"):
            self._network = _Network()
        self._network.to_empty(device="cpu")
        try:
            with path.open("rb") as file:
                _fill(self._network, file.read(_LARGEST))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise InputError(f"{path} is not dlib's face descriptor: {error}") from None
        self._network.eval().requires_grad_(False)

    def __call__(self, chips: Image) -> npt.NDArray[np.float32]:
        """Descriptors (N, 128) float32 of chips (N, 150, 150, 3) uint8 RGB; dlib calls two of them one person below a distance of
        0.6.

        Raises:
            ValueError: chips of another size.
        """
        if chips.shape[1:] != (SIDE, SIDE, 3):
            raise ValueError(f"chips are (N, {SIDE}, {SIDE}, 3), not {chips.shape}")
        return in_batches(self._network, chips).astype(np.float32)


def _sum(a: Tensor, b: Tensor) -> Tensor:
    """The sum of two tensors (B, C, H, W); where one is smaller, it counts as zero."""
    shape = [max(sizes) for sizes in zip(a.shape, b.shape, strict=True)]
    return _widened(a, shape) + _widened(b, shape)


def _widened(x: Tensor, shape: list[int]) -> Tensor:
    missing = [wanted - size for wanted, size in zip(shape, x.shape, strict=True)]
    return functional.pad(x, (0, missing[3], 0, missing[2], 0, missing[1])) if any(missing) else x


def _fill(network: _Network, data: bytes) -> None:
    """Copy the weights out of a serialised dlib network, in which the layers stand in order, the input's first.

    Raises:
        ValueError: another network, or a damaged file.
    """
    at = 0
    convolutions = [module for module in network.modules() if isinstance(module, _Convolution)]
    with torch.no_grad():
        for module in convolutions:
            filters = module.convolution.weight
            found, at = _tensor(data, b"con_4", at, 0, filters.numel() + len(filters))
            filters.copy_(torch.from_numpy(found[: filters.numel()]).view_as(filters))
            assert module.convolution.bias is not None
            module.convolution.bias.copy_(torch.from_numpy(found[filters.numel() :]))
            found, at = _tensor(data, b"affine_", at, 0, 2 * len(filters))
            module.gain.copy_(torch.from_numpy(found[: len(filters)]))
            module.shift.copy_(torch.from_numpy(found[len(filters) :]))
        found, at = _tensor(data, b"fc_2", at, 2, network.last.weight.numel())
        network.last.weight.copy_(torch.from_numpy(found).view(256, 128).T)
    if data.find(b"con_4", at) >= 0:
        raise ValueError("it has more layers")


def _tensor(data: bytes, layer: bytes, start: int, skipped: int, size: int) -> tuple[npt.NDArray[np.float32], int]:
    """The next layer's tensor, float32 (size,), and where it ends.

    A layer starts with its name and some whole numbers; a tensor is a version, four sizes, and the values as little-endian float32.
    A whole number is one byte that counts its bytes (with bit 7 as its sign), then these, the lowest first.
    """
    at = data.find(layer, start)
    if at < 0:
        raise ValueError(f"it has no layer {layer.decode()} where one is expected")
    at += len(layer)
    numbers = []
    for _ in range(skipped + 5):
        length = data[at] & 0x0F if at < len(data) else 0
        numbers.append(int.from_bytes(data[at + 1 : at + 1 + length], "little"))
        at += 1 + length
    count = int(np.prod([float(n) for n in numbers[-4:]]))
    if count != size or at + 4 * size > len(data):
        raise ValueError(f"its layer {layer.decode()} holds {count} values instead of {size}, or is cut off")
    return np.frombuffer(data, "<f4", size, at).astype(np.float32), at + 4 * size
