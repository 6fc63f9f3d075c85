"""The double discriminator against the acceptance checks of its specification (UM-*; windows have tests of their own)."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from occbench.baselines.double_discriminator.baseline import DoubleDiscriminator
from occbench.baselines.double_discriminator.networks import Generator, PatchDiscriminator, VectorDiscriminator
from occbench.errors import UsageError
from occbench.training import Batch, Losses, Moment, windows
from occbench.training.recipe import baseline, book, resolve
from occbench.training.train import build

Batches = Callable[..., Batch]

DETECT, FACE = Moment(1, 1, 1), Moment(10, 2, 1)
VARIANTS = list(book(baseline("double-discriminator"))["variants"])
TINY = ("size=128", "base=2", "bottleneck=4", "detector_base=2", "batch_size=2", "detector_epochs=1", "epochs=3")


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def small(variant: str = "on-mask", *changes: str) -> DoubleDiscriminator:
    built = build(resolve("double-discriminator", variant=variant, changes=[*TINY, *changes]), 0, 0)
    assert isinstance(built, DoubleDiscriminator)
    return built


@pytest.fixture
def batch(batch: Batches) -> Batches:
    """128 px, hidden in a rectangle."""
    return lambda: batch(size=128, rows=slice(40, 80), columns=slice(20, 70))


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (lambda: Generator(output="window"), 40_401_187),
        (lambda: Generator(), 40_466_915),
        (lambda: PatchDiscriminator(), 1_555_585),
        (lambda: VectorDiscriminator(256, 6), 17_422_977),
        (lambda: VectorDiscriminator(128, 5), 10_868_865),
    ],
    ids=["half", "full", "patch", "global", "local"],
)
def test_um_1_parameters(network: type[nn.Module], expected: int) -> None:
    with torch.device("meta"):
        assert count(network()) == expected


def test_um_2_shapes() -> None:
    with torch.device("meta"):
        images = torch.rand(2, 3, 256, 256)
        assert Generator()(images).shape == (2, 3, 256, 256)
        assert Generator(output="window")(images).shape == (2, 3, 128, 128)
        assert PatchDiscriminator()(images).shape == (2, 1, 32, 32)
        assert PatchDiscriminator()(images[..., :128, :128]).shape == (2, 1, 16, 16)
        assert VectorDiscriminator(256, 6)(images).shape == (2, 1)


def generator_terms(model: DoubleDiscriminator, of: Batch, scores: float = 0.0) -> Losses:
    """G's terms for output and target 0 everywhere, and discriminators that say `scores`."""
    zeros, patch = torch.zeros(2, 3, 128, 128), torch.zeros(2, 3, 64, 64)
    for name in ("global", "local"):
        if name in model.networks:
            model.networks[name].forward = lambda images: torch.full((2, 1), scores)  # type: ignore[method-assign]
    of.memo = {"made": zeros, "clean": zeros, "patch": patch, "clean_patch": patch}
    return model.phases(FACE)[0].losses(of)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [("on-mask", 0.0048520), ("fixed-window", 0.0048520), ("double-patch", 0.0049657), ("double-patch-halves", 0.0044657)],
)
def test_um_3_and_4_generator_losses_by_hand(batch: Batches, variant: str, expected: float) -> None:
    """Vector discriminators that say 0.5 (logit 0); patch discriminators that score 0."""
    terms = generator_terms(small(variant), batch())
    assert sum(term.item() for term in terms.values()) == pytest.approx(expected, abs=1e-7)


def test_um_5_what_is_shown_in_between_changes_no_mode() -> None:
    from occbench.training.inference import evaluating

    model = small()
    with evaluating(model.networks):
        assert not model.generator.training
    assert all(module.training for network in model.networks.values() for module in network.modules())


def test_um_6_gradient_of_the_local_loss_is_in_the_window_alone(batch: Batches) -> None:
    model, of = small(), batch()
    model.begin(of, FACE)
    made = of.memo["made"].detach().requires_grad_(True)
    corner = windows.on_masks(of.mask)
    model._real(model.networks["local"](windows.cut(made, corner))).backward()
    assert made.grad is not None
    inside = windows.put(torch.zeros(2, 1, 128, 128), torch.ones(2, 1, 64, 64), corner).expand_as(made) > 0
    assert made.grad[inside].abs().sum() > 0
    assert made.grad[~inside].abs().sum() == 0


def test_um_6_the_local_loss_reaches_the_generator(batch: Batches) -> None:
    model, of = small(), batch()
    model.begin(of, FACE)
    model._real(model.networks["local"](of.memo["patch"])).backward()
    gradients = [p.grad for p in model.generator.parameters()]
    assert all(g is not None for g in gradients)
    assert sum(g.abs().sum().item() for g in gradients if g is not None) > 0


@pytest.mark.parametrize(("variant", "expected"), [("on-mask", [13, 28]), ("fixed-window", [32, 64])])
def test_windows_lie_on_the_mask_unless_fixed(batch: Batches, variant: str, expected: list[int]) -> None:
    model, of = small(variant), batch()
    of.clean = torch.stack(torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")).repeat(2, 2, 1, 1)[:, :3] / 127
    model.begin(of, FACE)
    row, column = ((of.memo["clean_patch"][0, k, 0, 0] + 1) / 2 * 127 for k in (0, 1))
    assert [round(column.item()), round(row.item())] == expected


@pytest.mark.parametrize(("kind", "least"), [("intended", 0.0), ("as-coded", 0.3133)])
def test_colours_as_probabilities_can_reach_their_optimum(kind: str, least: float) -> None:
    model, white = small("on-mask", f"entropy={kind}"), torch.ones(1, 3, 4, 4)
    assert model.entropy(white, white).item() == pytest.approx(least, abs=1e-4)


@pytest.mark.parametrize(("variant", "epsilon"), [("on-mask", 1e-5), ("fixed-window", 0.8)])
def test_batch_norms_have_a_sane_epsilon_unless_as_coded(variant: str, epsilon: float) -> None:
    norms = [m.eps for m in small(variant).generator.modules() if isinstance(m, nn.BatchNorm2d)]
    assert set(norms) == {epsilon}
    assert len(norms) == 9


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_a_step(batch: Batches, variant: str) -> None:
    model, of = small(variant), batch()
    optimizers = model.optimizers()
    before = {name: torch.cat([p.detach().flatten() for p in n.parameters()]) for name, n in model.networks.items()}
    for moment in (DETECT, FACE):
        model.begin(of, moment)
        for phase in model.phases(moment):
            optimizers[phase.optimizer].zero_grad()
            total = torch.stack(list(phase.losses(of).values())).sum()
            assert torch.isfinite(total)
            total.backward()
            optimizers[phase.optimizer].step()
        of.memo.clear()
    for name, network in model.networks.items():
        assert not torch.equal(before[name], torch.cat([p.detach().flatten() for p in network.parameters()])), name


def test_judges_give_no_gradient_to_the_generator(batch: Batches) -> None:
    model, of = small(), batch()
    model.begin(of, FACE)
    for phase in model.phases(FACE)[1:]:
        torch.stack(list(phase.losses(of).values())).sum().backward()
    assert all(p.grad is None for p in model.generator.parameters())


def test_in_use_the_detector_says_where_the_window_is(batch: Batches) -> None:
    model, of = (
        small(
            "on-mask",
            "output=window",
            *(f"weights.{name}=0" for name in ("adversarial_whole", "l1_whole", "mse_whole", "entropy_whole")),
            "weights.l1_window=1",
        ),
        batch(),
    )
    for network in model.networks.values():
        network.eval()

    def found(pictures: Tensor) -> Tensor:
        return (of.mask * 2 - 1).expand_as(pictures)

    model.networks["detector"].forward = found  # type: ignore[method-assign]
    with torch.inference_mode():
        restored = model.restore(of.occluded, None)
    changed = (restored.images - of.occluded).abs().amax((0, 1)) > 1e-6
    rows, columns = torch.nonzero(changed.any(1)).flatten(), torch.nonzero(changed.any(0)).flatten()
    assert (rows.min() >= 28, rows.max() < 92, columns.min() >= 13, columns.max() < 77) == (True,) * 4
    assert restored.masks is not None
    assert torch.equal(restored.masks > 0.5, of.mask > 0)


@pytest.mark.parametrize(
    "changes",
    ["size=64", "size=160", "epsilon=0", "detector_epochs=4", "detector_epochs=0", "output=window", "bottleneck=0"],
)
def test_impossible_settings_are_refused(changes: str) -> None:
    with pytest.raises(UsageError):
        small("on-mask", changes)


def test_colours_that_are_no_numbers_do_not_break_off() -> None:
    """The loop is to say which term went wrong, and which checkpoint is kept."""
    assert small().entropy(torch.full((1, 3, 4, 4), torch.nan), torch.zeros(1, 3, 4, 4)).isnan()


def test_the_generator_hears_the_local_discriminator_alone(batch: Batches) -> None:
    weights = ("adversarial_whole", "l1_whole", "entropy_whole")
    model, of = small("on-mask", *(f"weights.{name}=0" for name in weights)), batch()
    model.begin(of, FACE)
    model.networks["local"].requires_grad_(False)
    terms = model.phases(FACE)[0].losses(of)
    assert set(terms) == {"adversarial_window"}
    terms["adversarial_window"].backward()
    assert sum(p.grad.abs().sum().item() for p in model.generator.parameters() if p.grad is not None) > 0
