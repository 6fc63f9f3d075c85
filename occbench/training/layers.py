"""Layers that several baselines share, and that torch does not have."""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Optimizer


class Down(nn.Conv2d):
    """A 3×3 convolution of stride 2 as TensorFlow aligns it (`SAME`), to half an even size.

    Args:
        before, after: channels.
        bias: have one.
    """

    def __init__(self, before: int, after: int, *, bias: bool = True) -> None:
        super().__init__(before, after, 3, stride=2, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C', h/2, w/2). TensorFlow pads below and to the right only."""
        return super().forward(F.pad(features, (0, 1, 0, 1)))


class Up(nn.ConvTranspose2d):
    """A transposed 3×3 convolution of stride 2 as TensorFlow aligns it (`SAME`), to twice the size or one less.

    Args:
        before, after: channels.
        size: of what comes out, (height, width); default twice what comes in.
        bias: have one.
    """

    def __init__(self, before: int, after: int, size: tuple[int, int] | None = None, *, bias: bool = True) -> None:
        super().__init__(before, after, 3, stride=2, bias=bias)
        self.size = size

    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, C, h, w) to (B, C', *size)."""
        whole = super().forward(features)  # 2h + 1: one row more than twice as many
        height, width = self.size or (2 * features.shape[-2], 2 * features.shape[-1])
        rows, columns = (int(want == 2 * have - 1) for have, want in zip(features.shape[-2:], (height, width), strict=True))
        return whole[..., rows : rows + height, columns : columns + width]


class Tanh(nn.Tanh):
    """In float32: in bfloat16 it is 1 from 3.5 on, where its gradient vanishes, and what is there could never change again."""

    def forward(self, features: Tensor) -> Tensor:
        """Any shape, to the same in (-1, 1), float32."""
        return super().forward(features.float())


class Sigmoid(nn.Sigmoid):
    """In float32, as `Tanh`: in bfloat16 it is 1 from 6.3 on."""

    def forward(self, features: Tensor) -> Tensor:
        """Any shape, to the same in (0, 1), float32."""
        return super().forward(features.float())


class BatchInstanceNorm2d(nn.Module):
    """A mixture, for each channel, of batch norm and instance norm: γ·(ρ·batch + (1 - ρ)·instance) + β (Nam and Kim 2018).

    Args:
        channels: how many.
        running: keep running means of the batch statistics and use them in evaluation mode, so that what comes out for a picture
            depends on that picture alone. Without them, each picture is a batch of its own then: instance norm, whatever ρ is.
        eps, momentum: as in torch's norms.
    """

    running_mean: Tensor
    running_var: Tensor
    batches: Tensor

    def __init__(self, channels: int, *, running: bool = True, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.ones(channels))  # in [0, 1]; `bounded` keeps it there
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.running, self.eps, self.momentum = running, eps, momentum
        if running:
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))
            self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape. One pass over the features: both norms are linear in them."""
        variance, mean = torch.var_mean(features.float(), dim=(2, 3), correction=0)  # (B, C)
        if self.training:
            batch_mean = mean.mean(0)
            batch_variance = variance.mean(0) + mean.var(0, correction=0)
            if self.running:
                with torch.no_grad():
                    count = features.numel() // features.shape[1]
                    # All of the first batch: a variance that begins at 1 where the true one is 0.001 would spoil moving averages
                    # of these statistics for thousands of steps.
                    part = torch.where(self.batches == 0, 1.0, self.momentum)
                    self.running_mean.lerp_(batch_mean, part)
                    self.running_var.lerp_(batch_variance * (count / max(count - 1, 1)), part)
                    self.batches += 1
        elif self.running:
            batch_mean, batch_variance = self.running_mean, self.running_var
        else:
            batch_mean, batch_variance = mean, variance
        of_batch = self.rho * torch.rsqrt(batch_variance + self.eps)
        of_instance = (1 - self.rho) * torch.rsqrt(variance + self.eps)
        scale = self.weight * (of_batch + of_instance)
        shift = self.bias - self.weight * (of_batch * batch_mean + of_instance * mean)
        return torch.addcmul(shift[..., None, None], features, scale[..., None, None]).to(features.dtype)


def bounded(optimizer: Optimizer, network: nn.Module) -> Optimizer:
    """The optimiser; after each of its steps, the ρ of all batch-instance norms in `network` are put back into [0, 1]."""
    shares = [module.rho for module in network.modules() if isinstance(module, BatchInstanceNorm2d)]

    def clamp(*_: Any) -> None:
        with torch.no_grad():
            for share in shares:
                share.clamp_(0, 1)

    optimizer.register_step_post_hook(clamp)
    return optimizer


def halving(before: int, after: int, norm: nn.Module | None = None) -> list[nn.Module]:
    """A 4×4 convolution to half the size, a norm, a leaky ReLU of slope 0.2: what DCGAN made common (Radford et al. 2016)."""
    return [nn.Conv2d(before, after, 4, 2, 1), *([] if norm is None else [norm]), nn.LeakyReLU(0.2)]


def doubling(before: int, after: int, norm: nn.Module) -> list[nn.Module]:
    """A transposed 4×4 convolution to twice the size, a norm, a ReLU."""
    return [nn.ConvTranspose2d(before, after, 4, 2, 1), norm, nn.ReLU()]


class UNet(nn.Module):
    """Seed 001's U-Net (specification 4.2): `Down` and `Up` layers without biases, skips concatenated, tanh.

    Args:
        base: channels of the first layer; 32 as trained, 64 the class's default.
        depth: of layers on the way down; 5 (Mask G) or 6 (Face G).
        dropped: how many of the innermost layers on the way up have dropout of one half.
        running: of the batch-instance norms.
    """

    def __init__(self, base: int, depth: int, dropped: int = 0, *, running: bool = True) -> None:
        super().__init__()
        widths = [base * min(2**k, 8) for k in range(depth)]
        self.down = nn.ModuleList()
        for number, (before, after) in enumerate(zip([3, *widths], widths, strict=False)):
            norm = [BatchInstanceNorm2d(after, running=running)] if number else []
            self.down.append(nn.Sequential(Down(before, after, bias=False), *norm, nn.LeakyReLU(0.2)))
        self.up = nn.ModuleList()
        before = widths[-1]
        for number, after in enumerate(widths[-2::-1]):
            drop = [nn.Dropout(0.5)] if number < dropped else []
            self.up.append(nn.Sequential(Up(before, after, bias=False), nn.LeakyReLU(0.2), *drop))
            before = 2 * after
        self.head = nn.Sequential(Up(before, 3, bias=False), Tanh())

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) in [-1, 1], S a multiple of 2 to the power of the depth, to the same shape and range."""
        features, skips = images, []
        for layer in self.down:
            features = layer(features)
            skips.append(features)
        for layer, skip in zip(self.up, skips[-2::-1], strict=True):
            features = torch.cat([layer(features), skip], dim=1)
        return cast(Tensor, self.head(features))


def normal(network: nn.Module, *, norms: bool = False) -> None:
    """First weights as in DCGAN: N(0, 0.02) for convolutions, with `norms` N(1, 0.02) for batch norms, and biases of 0."""
    for module in network.modules():
        convolution = isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
        if convolution or (norms and isinstance(module, nn.BatchNorm2d)):
            own = dict(module.named_parameters())
            weight = own.get("parametrizations.weight.original", own.get("weight"))  # under a spectral norm, or not
            with torch.no_grad():
                if weight is not None:
                    weight.normal_(0.0 if convolution else 1.0, 0.02)
                if own.get("bias") is not None:
                    own["bias"].zero_()


def multiple(size: int, of: int) -> bool:
    """Whether networks that halve a picture until it is `of` times smaller can work on this size."""
    return size >= of and math.gcd(size, of) == of
