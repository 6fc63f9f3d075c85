"""Shared losses against values worked out by hand (OA-7, 8, 10)."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from occbench.training import losses


def test_oa_7_mask_size() -> None:
    assert losses.mask_size(torch.full((2, 1, 4, 4), 0.6)).item() == pytest.approx(-0.36)


def test_oa_8_total_variation() -> None:
    one = torch.tensor([[[[0.0, 1.0], [1.0, 0.0]]]])
    assert losses.total_variation(one).item() == 4
    assert losses.total_variation(one.repeat(2, 1, 1, 1)).item() == 8


def test_oa_10_gram() -> None:
    found = losses.gram(torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]]))
    assert torch.equal(found, torch.tensor([[[1.25, 2.75], [2.75, 6.25]]]))


def test_gram_keeps_its_digits_under_autocast() -> None:
    features = torch.rand((1, 4, 32, 32), generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        found = losses.gram(features)
    assert torch.equal(found, losses.gram(features))


def test_oa_9_masked_l1() -> None:
    made, clean, visible = torch.full((1, 3, 2, 2), 0.2), torch.ones(1, 3, 2, 2), torch.full((1, 1, 2, 2), 0.25)
    assert 6 * losses.masked_l1(made, clean, 1 - visible).item() == pytest.approx(3.6)
    assert losses.masked_l1(made, clean, visible).item() == pytest.approx(0.2)


def test_the_mask_receives_gradient_through_the_undetached_factor_only() -> None:
    """d mean|m·x - (m·y)| / dm is sign(x - y)·x/n, not |x - y|/n."""
    where = torch.full((1, 1, 1, 1), 0.5, requires_grad=True)
    losses.masked_l1(torch.full((1, 1, 1, 1), 0.2), torch.ones(1, 1, 1, 1), where).backward()  # type: ignore[no-untyped-call]
    assert where.grad is not None
    assert where.grad.item() == pytest.approx(-0.2)


def test_oa_11_attribute() -> None:
    assert 2000 * losses.attribute(torch.zeros(2, 7), torch.ones(2, 7)).item() == pytest.approx(1000)


def test_oa_12_critic() -> None:
    assert losses.critic(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])).item() == -1


def test_perceptual_and_style_are_sums_over_taps() -> None:
    one, other = torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, 2)
    assert losses.perceptual([one, one], [other, 3 * other]).item() == 4
    assert losses.style([one, one], [other, other]).item() == pytest.approx(2 * 0.5)  # Gram of ones: 4 / (2·2·2)


@pytest.mark.parametrize("span", [1.0, 2.0])
def test_similarity_is_scikit_images(span: float) -> None:
    import numpy as np
    from skimage.metrics import structural_similarity

    draws = np.random.default_rng(3)
    one = draws.uniform(0, span, (2, 3, 24, 20))
    other = np.clip(one + draws.normal(0, 0.1, one.shape), 0, span)
    expected = []
    for a, b in zip(one, other, strict=True):
        options = {"channel_axis": 0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "full": True}
        full = structural_similarity(a, b, data_range=span, **options)[1]
        expected.append(full[:, 5:-5, 5:-5].mean())  # places where the window fits
    found = losses.ssim(torch.from_numpy(one), torch.from_numpy(other), span)
    assert found.item() == pytest.approx(np.mean(expected), abs=1e-5)


def test_similarity_of_equals_is_one() -> None:
    images = torch.rand(1, 3, 16, 16)
    assert losses.ssim(images, images, 1.0).item() == pytest.approx(1, abs=1e-5)


def test_similarity_keeps_its_digits_where_convolutions_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU, torch lets cuDNN's convolutions round to ten bits (TF32); bright, even pictures would come out as alike as 1.1."""

    def rounded(values: Tensor) -> Tensor:
        return ((values.contiguous().view(torch.int32) + 0x1000) & ~0x1FFF).view(torch.float32)

    draws = torch.Generator().manual_seed(0)
    one = 0.95 + 0.02 * torch.rand((2, 3, 32, 32), generator=draws)
    other = one + 0.01 * torch.rand((2, 3, 32, 32), generator=draws)
    exact, convolve = losses.ssim(one, other, 2.0).item(), F.conv2d
    monkeypatch.setattr(F, "conv2d", lambda images, kernel: convolve(rounded(images), rounded(kernel)))
    assert losses.ssim(one, other, 2.0).item() == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(
    "loss", [lambda scores: losses.real(-scores), losses.fake, lambda scores: losses.critic(scores + 1, scores / 2)]
)
def test_scores_in_bfloat16_have_a_mean_in_float32(loss: Callable[[Tensor], Tensor]) -> None:
    scores = torch.tensor([100.0, 102.0, 106.0]).to(torch.bfloat16)  # exact, but their mean is not
    assert loss(scores).item() == pytest.approx(loss(scores.float()).item(), abs=1e-6)


def test_cross_entropy_of_a_discriminator() -> None:
    assert losses.real(torch.zeros(2, 1)).item() == pytest.approx(0.693147, abs=1e-6)
    assert losses.real(torch.full((1, 1), 100.0)).item() == pytest.approx(0)
    assert losses.fake(torch.full((1, 1), 2.0)).item() == pytest.approx(2.126928, abs=1e-6)
