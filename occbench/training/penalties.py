"""Gradient penalties of critics. Every draw comes from a generator on the CPU that the caller keys."""

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]  # pictures (B, C, H, W) to scores, one or a map of them a picture


def gradient_norms(critic: Critic, images: Tensor) -> Tensor:
    """Norm (B,) of the gradient of each picture's summed scores with respect to all its pixels and channels.

    The graph is kept: the norms can be differentiated again. In float32, also under autocast.
    """
    images = images.detach().float().requires_grad_(True)
    with torch.autocast(images.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    norms: Tensor = gradient.flatten(1).norm(dim=1)
    return norms


def wgan_gp(critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """mean (norm - 1)² between real and fake pictures, at a place drawn for each (Gulrajani et al. 2017), without its weight.

    Args:
        critic: whose gradient is penalised.
        real, fake: (B, C, H, W); neither receives a gradient.
        rng: draws alpha, the share of the real picture.
    """
    alpha = _alpha(real, rng)
    return ((gradient_norms(critic, alpha * real.detach() + (1 - alpha) * fake.detach()) - 1) ** 2).mean()


def dragan(critic: Critic, real: Tensor, rng: torch.Generator, radius: float = 0.5) -> Tensor:
    """mean (norm - 1)² around real pictures (Kodali et al. 2017), without its weight. No fake picture is involved.

    Noise is one-sided as in the authors' code: `radius` times the standard deviation of the whole batch, times U[0, 1) for each
    value; the place on the way there is drawn for each picture.
    """
    real = real.detach()
    noise = torch.rand(real.shape, generator=rng).to(real)
    alpha = _alpha(real, rng)
    return ((gradient_norms(critic, real + alpha * radius * real.std(unbiased=False) * noise) - 1) ** 2).mean()


def _alpha(images: Tensor, rng: torch.Generator) -> Tensor:
    return torch.rand((len(images), 1, 1, 1), generator=rng).to(images)
