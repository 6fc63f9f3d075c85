"""Two-stage un-masking against the acceptance checks of its specification (TS-*; layers have tests of their own)."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from occbench.baselines.two_stage.baseline import TwoStage
from occbench.baselines.two_stage.networks import FaceDiscriminator, face_generator, noisy
from occbench.errors import UsageError
from occbench.training import Batch, Moment, segmentation
from occbench.training.recipe import resolve
from occbench.training.segmentation import THRESHOLD
from occbench.training.train import build

Batches = Callable[..., Batch]

MASK, FACE = Moment(1, 1, 1), Moment(100, 2, 1)


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def small(variant: str = "intended", *changes: str) -> TwoStage:
    tiny = ("size=64", "base=2", "batch_size=2", "mask_epochs=1", "epochs=2")
    built = build(resolve("two-stage", variant=variant, changes=[*tiny, *changes]), 0, 0)
    assert isinstance(built, TwoStage)
    return built


@pytest.mark.parametrize(
    ("base", "mask", "face", "judge"), [(32, 2_345_568, 4_115_808, 696_640), (64, 9_372_864, 16_452_288, 2_769_536)]
)
def test_ts_1_parameters(base: int, mask: int, face: int, judge: int) -> None:
    with torch.device("meta"):
        assert count(segmentation.network(base)) == mask
        assert count(face_generator(base, running=True)) == face
        assert count(FaceDiscriminator(base, running=True)) == judge


def test_ts_2_shape_of_the_discriminator() -> None:
    with torch.device("meta"):
        pictures = torch.rand(2, 3, 128, 128)
        assert FaceDiscriminator(32, running=True).judge(pictures, pictures).shape == (2, 1, 14, 14)


@pytest.mark.parametrize(("value", "replaced"), [(-0.61, False), (-0.60, True)])
def test_ts_5_threshold(value: float, replaced: bool) -> None:
    found, noise = torch.full((1, 3, 2, 2), value), torch.full((1, 3, 2, 2), 0.5)
    assert noisy(torch.zeros(1, 3, 2, 2), found, noise, THRESHOLD).eq(0.5).all().item() is replaced


def test_ts_5_channels_are_thresholded_by_themselves() -> None:
    found = torch.tensor([1.0, -1.0, 1.0]).view(1, 3, 1, 1)
    assert noisy(torch.zeros(1, 3, 1, 1), found, torch.ones(1, 3, 1, 1), THRESHOLD).flatten().tolist() == [1, 0, 1]


def test_ts_6_noise_fills_the_mask_and_nothing_else(batch: Batches) -> None:
    model, of = small(), batch()
    model.mask.forward = lambda pictures: segmentation.target(of.mask)  # type: ignore[method-assign, assignment]
    model.begin(of, FACE)
    seen = of.memo["seen"]
    assert torch.equal(seen[:, :, :32], of.occluded[:, :, :32] * 2 - 1)
    filled = seen[:, :, 32:]
    assert -1 <= filled.min() < -0.99
    assert 0.99 < filled.max() < 1


@pytest.mark.parametrize(("variant", "alike"), [("intended", False), ("as-coded", True)])
def test_noise_is_each_pictures_own_unless_as_coded(batch: Batches, variant: str, alike: bool) -> None:
    model, of = small(variant), batch()
    model.mask.forward = lambda pictures: torch.ones_like(pictures)  # type: ignore[method-assign, assignment]
    model.begin(of, FACE)
    assert torch.equal(of.memo["seen"][0], of.memo["seen"][1]) is alike


def test_ts_8_likeness_lowers_the_face_loss(batch: Batches) -> None:
    model = small()
    clean = batch().clean * 2 - 1
    same = model.compared(clean, clean)
    near, far = (model.compared((clean + change).clamp(-1, 1), clean)["ssim"].item() for change in (0.1, 0.5))
    assert sum(term.item() for term in same.values()) == pytest.approx(0, abs=1e-5)
    assert 0 < near < far


def test_ts_8_as_coded_likeness_costs_one(batch: Batches) -> None:
    clean = batch().clean * 2 - 1
    assert small("as-coded").compared(clean, clean)["ssim"].item() == pytest.approx(1, abs=1e-5)


def test_l1_weights_count_once() -> None:
    made, clean = torch.zeros(1, 3, 64, 64), torch.full((1, 3, 64, 64), 0.01)
    assert small().compared(made, clean)["l1"].item() == pytest.approx(1.0)
    assert small("as-coded").compared(made, clean)["l1"].item() == pytest.approx(100.0)


def test_ts_9_no_gradient_reaches_the_first_stage_in_the_second(batch: Batches) -> None:
    model, of = small(), batch()
    before = {key: value.clone() for key, value in model.mask.state_dict().items()}
    model.begin(of, FACE)
    for phase in model.phases(FACE):
        torch.stack(list(phase.losses(of).values())).sum().backward()
    assert all(p.grad is None for p in model.mask.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.mask.state_dict().items())


def test_the_generator_hears_its_discriminator(batch: Batches) -> None:
    model, of = small("intended", "weights.l1=0", "weights.ssim=0"), batch()
    model.begin(of, FACE)
    model.discriminator.requires_grad_(False)
    torch.stack(list(model.phases(FACE)[-1].losses(of).values())).sum().backward()
    assert sum(p.grad.abs().sum().item() for p in model.generator.parameters() if p.grad is not None) > 0


def test_stages_train_their_own_networks() -> None:
    model = small()
    assert [phase.optimizer for phase in model.phases(MASK)] == ["mask"]
    assert [phase.optimizer for phase in model.phases(FACE)] == ["discriminator", "generator"]
    assert model.stages == {"mask": 1, "face": 2}
    assert (model.judge(MASK), model.judge(FACE)) == ("iou", "psnr_mask")


@pytest.mark.parametrize("variant", ["intended", "as-coded"])
def test_what_is_restored_depends_on_the_picture_alone(batch: Batches, variant: str) -> None:
    model, pictures = small(variant), batch(3).occluded
    for network in model.networks.values():
        network.eval()
    with torch.inference_mode():
        together, alone = model.restore(pictures, None), model.restore(pictures[1:2], None)
    assert torch.allclose(together.images[1:2], alone.images, atol=1e-6)
    assert together.masks is not None
    assert together.masks.shape == (3, 1, 64, 64)
    assert 0 <= together.images.min() <= together.images.max() <= 1


@pytest.mark.parametrize("changes", [("size=96",), ("mask_epochs=3",), ("base=0",)], ids=str)
def test_impossible_settings_are_refused(changes: Any) -> None:
    with pytest.raises(UsageError):
        small("intended", *changes)
