"""Gradient penalties against values worked out by hand (OA-13, REG-1 to REG-4)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from occbench.training.penalties import dragan, gradient_norms, wgan_gp


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(seed: int, count: int = 3) -> Tensor:
    return torch.rand((count, 3, 8, 8), generator=rng(seed))


def linear(norm: float) -> Tensor:
    """Weights (3, 8, 8) of that norm."""
    weights = torch.randn((3, 8, 8), generator=rng(9))
    return weights * norm / weights.norm()


def curved(images: Tensor) -> Tensor:
    return (images**2).flatten(1).sum(1)


def test_oa_13_scores_of_a_map_are_summed() -> None:
    """Four scores a picture, each w·x with |w| = 0.5: norm 2, penalty 10·1."""
    weights = linear(0.5)

    def critic(images: Tensor) -> Tensor:
        return (images * weights).flatten(1).sum(1)[:, None, None, None].expand(-1, 1, 2, 2)

    assert torch.allclose(gradient_norms(critic, pictures(1)), torch.full((3,), 2.0))
    assert 10 * wgan_gp(critic, pictures(1), pictures(2), rng()).item() == pytest.approx(10, rel=1e-5)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_reg_1_a_linear_critic_of_norm_3_costs_40(seed: int) -> None:
    weights = linear(3)
    found = 10 * dragan(lambda images: (images * weights).flatten(1).sum(1), pictures(1), rng(seed))
    assert found.item() == pytest.approx(40, rel=1e-4)


def test_reg_2_a_constant_batch_has_no_noise() -> None:
    constant = torch.full((2, 3, 8, 8), 0.25)
    seen: list[Tensor] = []

    def critic(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return curved(images)

    dragan(critic, constant, rng())
    assert torch.equal(seen[0], constant)


def test_noise_is_one_sided_and_no_larger_than_half_a_deviation() -> None:
    real = pictures(4)
    seen: list[Tensor] = []

    def critic(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return curved(images)

    dragan(critic, real, rng())
    moved = seen[0] - real
    assert moved.min() >= 0
    assert 0 < moved.max() <= 0.5 * real.std(unbiased=False)


def test_reg_3_dragan_needs_no_fake() -> None:
    """The same draws, the same penalty: there is no place to hand a fake to, and nothing else is drawn."""
    assert torch.equal(dragan(curved, pictures(1), rng(3)), dragan(curved, pictures(1), rng(3)))
    assert not torch.equal(dragan(curved, pictures(1), rng(3)), dragan(curved, pictures(1), rng(4)))


def test_reg_4_at_alpha_one_the_penalty_is_that_of_real_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pictures(1)
    monkeypatch.setattr(torch, "rand", lambda shape, generator: torch.ones(shape))
    expected = ((gradient_norms(curved, real) - 1) ** 2).mean()
    assert torch.equal(wgan_gp(curved, real, pictures(2), rng()), expected)


def test_norms_keep_their_digits_under_autocast() -> None:
    layer = torch.nn.Conv2d(3, 1, 3)
    expected = gradient_norms(layer, pictures(1))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(gradient_norms(layer, pictures(1)), expected)


def test_the_place_is_drawn_for_each_picture() -> None:
    seen: list[Tensor] = []

    def critic(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return curved(images)

    wgan_gp(critic, torch.ones(4, 3, 8, 8), torch.zeros(4, 3, 8, 8), rng())
    shares = [picture.unique() for picture in seen[0]]
    assert all(len(share) == 1 for share in shares)
    assert len({share.item() for share in shares}) == 4


def test_the_norm_is_over_all_pixels_and_channels() -> None:
    found = gradient_norms(lambda images: images.flatten(1).sum(1), torch.zeros(2, 3, 8, 8))
    assert torch.allclose(found, torch.full((2,), math.sqrt(192)))


def test_a_penalty_can_be_differentiated_by_the_critics_weights() -> None:
    layer = torch.nn.Conv2d(3, 1, 3)
    wgan_gp(lambda images: torch.tanh(layer(images)), pictures(1), pictures(2), rng()).backward()  # type: ignore[no-untyped-call]
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0
