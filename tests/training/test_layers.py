"""Shared layers against torch's own and against TensorFlow's alignment (TS-3, TS-4, TS-10)."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import SGD

from occbench.training.layers import BatchInstanceNorm2d, Down, Sigmoid, Tanh, UNet, Up, bounded, multiple, normal

KERNEL = torch.arange(1.0, 10).view(1, 1, 3, 3)


def delta(side: int) -> Tensor:
    image = torch.zeros(1, 1, side, side)
    image[0, 0, 0, 0] = 1
    return image


def test_ts_10_convolution_pads_below_and_to_the_right() -> None:
    """The first output sees pixels 0, 1 and 2: a delta at the first pixel meets the kernel's first weight, and no other output."""
    layer = Down(1, 1, bias=False)
    layer.weight.data = KERNEL
    expected = torch.zeros(1, 1, 4, 4)
    expected[0, 0, 0, 0] = 1
    assert torch.equal(layer(delta(8)), expected)


def test_ts_10_transposed_convolution_drops_the_last_row_and_column() -> None:
    """A delta at the first pixel becomes the kernel in the upper left corner."""
    layer = Up(1, 1, bias=False)
    layer.weight.data = KERNEL
    expected = torch.zeros(1, 1, 8, 8)
    expected[0, 0, :3, :3] = KERNEL[0, 0]
    assert torch.equal(layer(delta(4)), expected)


def features(batch: int = 4) -> Tensor:
    return torch.randn((batch, 3, 5, 7), generator=torch.Generator().manual_seed(1)) * 2 + 1


def norm(rho: float, *, running: bool = True) -> BatchInstanceNorm2d:
    layer = BatchInstanceNorm2d(3, running=running)
    with torch.no_grad():
        layer.rho.fill_(rho)
        layer.weight.copy_(torch.tensor([0.5, 1.0, 2.0]))
        layer.bias.copy_(torch.tensor([-1.0, 0.0, 1.0]))
    return layer


def test_ts_3_a_share_of_one_is_batch_norm() -> None:
    layer = norm(1.0)
    assert torch.allclose(layer(features()), F.batch_norm(features(), None, None, layer.weight, layer.bias, True), atol=1e-5)


def test_ts_3_a_share_of_zero_is_instance_norm() -> None:
    layer = norm(0.0)
    assert torch.allclose(layer(features()), F.instance_norm(features(), weight=layer.weight, bias=layer.bias), atol=1e-5)


def test_shares_between_mix_both() -> None:
    whole, half = norm(1.0)(features()), norm(0.25)(features())
    assert torch.allclose(half, 0.25 * whole + 0.75 * norm(0.0)(features()), atol=1e-5)


def test_ts_4_one_picture_makes_the_share_meaningless() -> None:
    assert torch.allclose(norm(0.0)(features(1)), norm(0.8)(features(1)), atol=1e-5)


def test_running_statistics_are_torchs_from_the_second_batch_on() -> None:
    """The first batch is taken whole, where torch begins with mean 0 and variance 1."""
    ours, theirs = norm(1.0), nn.BatchNorm2d(3)
    ours(features())
    assert torch.allclose(ours.running_mean, features().mean((0, 2, 3)), atol=1e-6)
    assert torch.allclose(ours.running_var, features().var((0, 2, 3)), atol=1e-5)
    for name in ("running_mean", "running_var"):
        getattr(theirs, name).copy_(getattr(ours, name))
    for layer in (ours, theirs):
        layer(features() * 3)
    assert torch.allclose(ours.running_mean, theirs.running_mean, atol=1e-5)
    assert torch.allclose(ours.running_var, theirs.running_var, atol=1e-4)


@pytest.mark.parametrize("running", [True, False])
def test_in_evaluation_a_picture_is_judged_by_itself(running: bool) -> None:
    layer = norm(0.7, running=running)
    layer(features())
    layer.eval()
    assert torch.allclose(layer(features())[:1], layer(features()[:1]), atol=1e-6)


def test_shares_stay_between_zero_and_one() -> None:
    layer = norm(0.9)
    optimizer = bounded(SGD(layer.parameters(), lr=1.0), layer)
    layer.rho.grad = torch.tensor([-1.0, 5.0, 0.2])
    optimizer.step()
    assert torch.allclose(layer.rho, torch.tensor([1.0, 0.0, 0.7]))


def test_the_u_net_keeps_the_size_of_pictures() -> None:
    found = UNet(2, 5, 1)(torch.rand(2, 3, 64, 32) * 2 - 1)
    assert found.shape == (2, 3, 64, 32)
    assert found.abs().max() < 1


def test_first_weights() -> None:
    network = nn.Sequential(nn.Conv2d(16, 64, 5), nn.BatchNorm2d(4096))
    normal(network, norms=True)
    convolution, batch_norm = network
    assert convolution.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert convolution.bias.abs().max() == 0
    assert (batch_norm.weight.mean().item(), batch_norm.weight.std().item()) == pytest.approx((1, 0.02), rel=0.1)


@pytest.mark.parametrize(("size", "expected"), [(64, True), (192, True), (32, False), (96, False)])
def test_sizes_that_can_be_halved(size: int, expected: bool) -> None:
    assert multiple(size, 64) is expected


@pytest.mark.parametrize(("layer", "plain"), [(Tanh(), torch.tanh), (Sigmoid(), torch.sigmoid)])
def test_what_is_nearly_one_in_bfloat16_can_still_change(layer: nn.Module, plain: Callable[[Tensor], Tensor]) -> None:
    """Torch's own give exactly 1 there, whose gradient is 0."""
    before = torch.tensor(7.0, dtype=torch.bfloat16, requires_grad=True)
    assert plain(before).item() == 1
    after = layer(before)
    after.backward()
    assert after.dtype == torch.float32
    assert before.grad is not None
    assert before.grad.item() > 0


@pytest.mark.parametrize(("layer", "plain"), [(Tanh(), torch.tanh), (Sigmoid(), torch.sigmoid)])
def test_in_float32_they_are_torchs_own(layer: nn.Module, plain: Callable[[Tensor], Tensor]) -> None:
    assert torch.equal(layer(features()), plain(features()))
