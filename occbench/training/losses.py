"""Terms that several baselines share, as pure functions of tensors. Each gives a scalar; weights are the baseline's business.

"Cai" is Cai et al., *Semi-Supervised Natural Face De-Occlusion*, 2021, as its released code has it (specification 1.5).
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def total_variation(maps: Tensor) -> Tensor:
    """Sum (no mean) over everything of the absolute differences of neighbours, in (B, C, H, W) (Cai, 1.5).

    Its weight therefore grows with batch and resolution.
    """
    down = (maps[..., 1:, :] - maps[..., :-1, :]).abs().sum()
    across = (maps[..., :, 1:] - maps[..., :, :-1]).abs().sum()
    return down + across


def gram(features: Tensor) -> Tensor:
    """Gram matrices (B, C, C) of features (B, C, H, W), divided by C·H·W (Gatys et al. 2016, as Cai scales them).

    Always in float32: rounded to bfloat16, they differ by more than the pictures that they are to compare.
    """
    flat = features.float().flatten(2)
    with torch.autocast(flat.device.type, enabled=False):
        return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])


def masked_l1(made: Tensor, clean: Tensor, where: Tensor) -> Tensor:
    """Mean over everything of |where·made - where·clean|; the second product gives no gradient (Cai, 1.5).

    Args:
        made, clean: (B, 3, H, W).
        where: (B, 1, H, W) weights, which may need gradients.
    """
    return F.l1_loss(where * made, (where * clean).detach())


def mask_size(visible: Tensor) -> Tensor:
    """-(mean)² of a mask (B, 1, H, W) with 1 = visible: rewards declaring everything visible (Cai, 1.5)."""
    return -(visible.mean() ** 2)


def attribute(scores: Tensor, targets: Tensor, batch: int | None = None) -> Tensor:
    """Mean squared error of (B, C) scores, divided by B once more (Cai, 1.5); by `batch` where they are only a part of it."""
    return F.mse_loss(scores, targets) / (batch or len(scores))


def critic(real: Tensor, fake: Tensor) -> Tensor:
    """Wasserstein critic's loss: mean score of fakes minus mean score of real pictures (Arjovsky et al. 2017)."""
    return fake.float().mean() - real.float().mean()  # in bfloat16, both would lose the digits in which they differ


def perceptual(made: list[Tensor], clean: list[Tensor]) -> Tensor:
    """Sum over taps of the mean absolute difference of features (Johnson et al. 2016, with L1 as Cai has it)."""
    return torch.stack([F.l1_loss(one, other) for one, other in zip(made, clean, strict=True)]).sum()


def style(made: list[Tensor], clean: list[Tensor]) -> Tensor:
    """Sum over taps of the mean absolute difference of Gram matrices."""
    return torch.stack([F.l1_loss(gram(one), gram(other)) for one, other in zip(made, clean, strict=True)]).sum()


def real(logits: Tensor) -> Tensor:
    """Binary cross-entropy of a discriminator's logits, any shape, with "real"; -log of the probability, a mean over everything."""
    return F.softplus(-logits.float()).mean()


def fake(logits: Tensor) -> Tensor:
    """As `real`, with "fake"."""
    return F.softplus(logits.float()).mean()


def judged(name: str, on_real: Tensor, on_fake: Tensor) -> dict[str, Tensor]:
    """Both halves of a discriminator's cross-entropy, as terms `<name>_real` and `<name>_fake`."""
    return {f"{name}_real": real(on_real), f"{name}_fake": fake(on_fake)}


def ssim(one: Tensor, other: Tensor, span: float) -> Tensor:
    """Structural similarity (Wang et al. 2004), averaged over everything: Gaussian window of 11 px, σ 1.5, no padding.

    Args:
        one, other: (B, C, H, W), at least 11 px.
        span: from the least to the largest value that there can be.
    """
    with torch.autocast(one.device.type, enabled=False):
        a, b = one.float(), other.float()
        # Products of matrices, which keep all digits: convolutions may not on a GPU (TF32), and variances are small differences.
        down, across = (_windows(size, a.device) for size in a.shape[-2:])

        def mean(values: Tensor) -> Tensor:
            return down @ values @ across.T

        mean_a, mean_b = mean(a), mean(b)
        variances = mean(a * a + b * b) - mean_a**2 - mean_b**2
        covariance = mean(a * b) - mean_a * mean_b
        steady, contrast = (0.01 * span) ** 2, (0.03 * span) ** 2
        top = (2 * mean_a * mean_b + steady) * (2 * covariance + contrast)
        return (top / ((mean_a**2 + mean_b**2 + steady) * (variances + contrast))).mean()


def _windows(size: int, device: torch.device) -> Tensor:
    """Gaussian windows (N - 10, N), one a row, each a place further along `size` values."""
    along = torch.arange(size, device=device) - torch.arange(size - 10, device=device)[:, None] - 5
    heights = torch.where(along.abs() <= 5, torch.exp(-(along**2) / (2 * 1.5**2)), 0.0)
    return heights / heights.sum(1, keepdim=True)
