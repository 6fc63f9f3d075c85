"""Un-masking after Din et al. against the acceptance checks of its specification (DIN-*)."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from occbench.baselines.din_unmask.baseline import DinUnmask
from occbench.baselines.din_unmask.networks import Discriminator, Excitation, UNet, opened
from occbench.errors import UsageError
from occbench.training import Batch, Losses, Moment
from occbench.training.recipe import resolve
from occbench.training.train import build

Batches = Callable[..., Batch]

MAP, EDIT, LATE = Moment(1, 1, 1), Moment(10, 2, 1), Moment(30, 4, 1)  # the first of one, two alone, the last


def small(*changes: str, variant: str | None = None) -> DinUnmask:
    tiny = ("size=64", "base=2", "d_base=2", "batch_size=2", "map_epochs=1", "epochs=4", "mask_after=2", "random_features=true")
    built = build(resolve("din-unmask", variant=variant, changes=[*tiny, *changes]), 0, 0)
    assert isinstance(built, DinUnmask)
    return built


def found(model: DinUnmask, of: Batch, moment: Moment, which: str) -> Losses:
    model.begin(of, moment)
    return {phase.optimizer: phase for phase in model.phases(moment)}[which].losses(of)


def test_shapes() -> None:
    with torch.device("meta"):
        photo = torch.rand(2, 3, 224, 224)
        assert UNet(3, 1)(photo).shape == (2, 1, 224, 224)
        assert UNet(6, 3, editing=True)(torch.rand(2, 6, 224, 224)).shape == (2, 3, 224, 224)
        assert Discriminator(9)(torch.rand(2, 9, 224, 224)).shape == (2, 1, 14, 14)


def test_din_1_dissimilarity_is_zero_at_identity(batch: Batches) -> None:
    model, of = small(), batch()
    model.begin(of, EDIT)
    of.memo["made"] = of.memo["clean"]
    terms = model.phases(EDIT)[-1].losses(of)
    assert terms["dissimilarity"].item() == pytest.approx(0, abs=1e-4)
    assert terms["l1"].item() == terms["perceptual"].item() == 0


def test_din_1_likeness_lowers_it(batch: Batches) -> None:
    model, of, values = small(), batch(), []
    model.begin(of, EDIT)
    for change in (0.5, 0.1):
        of.memo["made"] = (of.memo["clean"] + change).clamp(-1, 1)
        values.append(model.phases(EDIT)[-1].losses(of)["dissimilarity"].item())
    assert values[0] > values[1] > 0


def test_din_2_the_second_discriminator_joins_late(batch: Batches) -> None:
    model = small()
    assert [phase.optimizer for phase in model.phases(EDIT)] == ["whole_discriminator", "generator"]
    assert [phase.optimizer for phase in model.phases(LATE)] == ["whole_discriminator", "mask_discriminator", "generator"]
    assert "adversarial_mask" not in found(model, batch(), EDIT, "generator")
    assert found(model, batch(), LATE, "generator")["adversarial_mask"].item() > 0


def test_din_2_six_epochs_of_editing_come_first() -> None:
    with torch.device("meta"):
        model = DinUnmask(resolve("din-unmask").settings, 0)
    epochs = model.settings.map_epochs
    assert not model.focuses(Moment(1, epochs + 6, 1))
    assert model.focuses(Moment(1, epochs + 7, 1))


def test_din_3_outside_the_map_its_input_is_the_photograph(batch: Batches) -> None:
    model, of = small(), batch()
    model.begin(of, LATE)
    of.memo["chosen"] = of.mask
    for candidate in (of.memo["clean"], of.memo["made"]):
        seen = model.regional(of.memo, candidate)
        assert torch.equal(seen[:, :3, :32], of.memo["photo"][:, :, :32])
        assert torch.equal(seen[:, :3, 32:], candidate[:, :, 32:])


def test_no_gradient_reaches_the_map_module_while_editing(batch: Batches) -> None:
    model, of = small(), batch()
    for phase in model.phases(LATE):
        model.begin(of, LATE)
        torch.stack(list(phase.losses(of).values())).sum().backward()
    assert all(p.grad is None for p in model.map.parameters())


def square(left: int, top: int, side: int) -> Tensor:
    drawn = torch.zeros(1, 1, 16, 16)
    drawn[..., top : top + side, left : left + side] = 1
    return drawn


@pytest.mark.parametrize(("at", "side", "kept"), [(4, 3, False), (4, 4, True), (5, 9, True), (0, 4, True)])
def test_opening_drops_specks_and_keeps_the_rest_in_place(at: int, side: int, kept: bool) -> None:
    drawn = square(at, at, side)
    assert torch.equal(opened(drawn), drawn if kept else torch.zeros_like(drawn))


def test_a_map_above_220_of_255_is_the_mask() -> None:
    chosen = DinUnmask._chosen(torch.stack([torch.full((1, 8, 8), v / 127.5 - 1) for v in (219.9, 220.1)]))
    assert [c.mean().item() for c in chosen] == [0, 1]


def test_excitation_weighs_channels() -> None:
    layer = Excitation(4, reduction=2)
    seen = torch.rand(2, 4, 3, 3)
    ratio = layer(seen) / seen
    assert torch.allclose(ratio, ratio[..., :1, :1].expand_as(ratio), atol=1e-5)
    assert 0 < ratio.min() <= ratio.max() < 1


@pytest.mark.parametrize(("variant", "kept"), [("second-hand", True), ("whole", False)])
def test_outside_the_map_the_photograph_stays(batch: Batches, variant: str, kept: bool) -> None:
    model, pictures = small(variant=variant), batch().occluded
    for network in model.networks.values():
        network.eval()
    with torch.inference_mode():
        restored = model.restore(pictures, None)
        chosen = model._chosen(model.map(pictures * 2 - 1))
    outside = (chosen == 0).expand_as(pictures)
    assert torch.allclose(restored.images[outside], pictures[outside], atol=1e-6) is kept
    assert restored.masks is not None


def test_random_perceptual_weights_are_said_loudly() -> None:
    assert any("RANDOM" in notice for notice in small().notices)


@pytest.mark.parametrize("changes", [("size=80",), ("map_epochs=5",), ("d_base=0",)], ids=str)
def test_impossible_settings_are_refused(changes: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        small(*changes)
