"""OA-GAN against the acceptance checks of its specification (OA-*, V2-*, S0-*)."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from occbench.baselines.oa_gan.baseline import OAGAN
from occbench.baselines.oa_gan.networks import Discriminator, Generator, Seen
from occbench.errors import UsageError
from occbench.pairs.labels import Labels, labels
from occbench.training import Batch, Moment, Phase
from occbench.training.recipe import baseline, book, resolve
from occbench.training.train import build

VARIANTS = list(book(baseline("oa-gan"))["variants"])


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def small(variant: str = "official", attributes: int = 3, changes: tuple[str, ...] = ()) -> OAGAN:
    """64 px, four channels, random perceptual weights, G in every step."""
    tiny = ["size=64", "width=4", "blocks=1", "batch_size=2", "random_features=true", "g_every=1", *changes]
    built = build(resolve("oa-gan", variant=variant, changes=tiny), attributes, 0)
    assert isinstance(built, OAGAN)
    return built


def batch(natural: bool = False, size: int = 64, pairs: int = 2, attributes: int = 3) -> Batch:
    draws = torch.Generator().manual_seed(5)
    occluded, clean, other, real = (torch.rand((pairs, 3, size, size), generator=draws) for _ in range(4))
    mask = torch.zeros(pairs, 1, size, size)
    mask[:, :, size // 2 :] = 1
    targets = torch.eye(attributes)[torch.arange(pairs) % attributes] if attributes else None
    return Batch(occluded, clean, mask, targets, real if natural else None, (other, targets), draws)


def losses(model: OAGAN, of: Batch, moment: Moment, which: str) -> dict[str, Tensor]:
    phase = {phase.optimizer: phase for phase in model.phases(moment)}[which]
    model.begin(of, moment)
    return phase.losses(of)


def test_oa_1_shapes_and_ranges_of_the_generator() -> None:
    with torch.inference_mode():
        made, visible, _ = Generator()(torch.rand(2, 3, 128, 128) * 2 - 1)
    assert made.shape == (2, 3, 128, 128)
    assert visible.shape == (2, 1, 128, 128)
    assert made.abs().max() <= 1
    assert 0 < visible.min() <= visible.max() < 1


@pytest.mark.parametrize(("blocks", "expected"), [(6, 13_925_696), (3, 10_383_680)])
def test_oa_2_parameters_of_the_generator(blocks: int, expected: int) -> None:
    with torch.device("meta"):
        assert count(Generator(blocks)) == expected


@pytest.mark.parametrize(("attributes", "expected"), [(7, 44_778_432), (509, 48_890_816)])
def test_oa_3_parameters_of_the_discriminator(attributes: int, expected: int) -> None:
    with torch.device("meta"):
        assert count(Discriminator(attributes=attributes)) == expected


def test_oa_4_shapes_of_the_discriminator() -> None:
    with torch.device("meta"):
        scores, attributes = Discriminator()(torch.rand(2, 3, 128, 128))
    assert scores.shape == (2, 1, 2, 2)
    assert attributes is not None
    assert attributes.shape == (2, 7, 1, 1)


def test_oa_5_composition() -> None:
    seen = Seen(torch.full((1, 3, 4, 4), -0.5), torch.full((1, 1, 4, 4), 0.25), torch.empty(0))
    assert torch.equal(seen.composed(torch.full((1, 3, 4, 4), 0.5)), torch.full((1, 3, 4, 4), -0.25))


@pytest.mark.parametrize("visible", [0.0, 1.0])
def test_oa_6_polarity(visible: float) -> None:
    x, xs = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    assert torch.equal(Seen(xs, torch.full((1, 1, 4, 4), visible), torch.empty(0)).composed(x), x if visible else xs)


def test_oa_14_pattern_of_updates() -> None:
    with torch.device("meta"):
        model = OAGAN(resolve("oa-gan").settings, 0)
    moments = [Moment(k, 1, k) for k in range(1, 51)]
    assert all(model.phases(m)[0].optimizer == "discriminator" for m in moments)
    natural = [m.iteration for m in moments if model.sees_natural(m)]
    trained = [m.iteration for m in moments if any(phase.optimizer == "generator" for phase in model.phases(m))]
    assert natural == [10, 20, 30, 40, 50]
    assert [i for i in trained if i in natural] == [10, 20, 30, 40, 50]
    assert [i for i in trained if i not in natural] == [5, 15, 25, 35, 45]


@pytest.mark.parametrize(("epoch", "rate"), [(100, 1e-4), (101, 1e-4), (102, 9e-5), (110, 1e-5)])
def test_oa_15_learning_rate(epoch: int, rate: float) -> None:
    settings = resolve("oa-gan").settings
    assert settings.optimizer.lr * settings.rate(epoch) == pytest.approx(rate, rel=1e-9)


def test_oa_16_a_natural_batch_has_exactly_five_terms() -> None:
    found = losses(small(), batch(natural=True), Moment(10, 1, 10), "generator")
    assert set(found) == {"adversarial", "mask_size", "mask_smooth", "image_smooth", "attribute"}


def test_oa_16_a_natural_batch_sees_no_ground_truth() -> None:
    model = small()
    gradients = []
    for clean in (0.0, 1.0):
        of = batch(natural=True)
        of.clean = torch.full_like(of.clean, clean)
        for network in model.networks.values():
            network.zero_grad()
        torch.stack(list(losses(model, of, Moment(10, 1, 10), "generator").values())).sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.generator.parameters() if p.grad is not None]))
    assert torch.equal(*gradients)


def test_labels_of_the_pairs_do_not_reach_other_peoples_photographs() -> None:
    model, values = small(), []
    for label in (0.0, 1.0):
        of = batch(natural=True)
        of.labels = torch.full((2, 3), label)
        values.append(losses(model, of, Moment(10, 1, 10), "generator")["attribute"].item())
    assert values[0] == values[1]


def test_terms_of_parts_have_the_mean_of_the_whole_batch() -> None:
    """Two parts of two, of a batch of four: sums and divisions by B are those of four. (The mask's size is squared.)"""
    model, whole, moment = small(changes=("batch_size=4",)), batch(pairs=4), Moment(1, 1, 1)
    parts = []
    for at in (slice(0, 2), slice(2, 4)):
        labels_of = whole.labels[at] if whole.labels is not None else None
        parts.append(Batch(whole.occluded[at], whole.clean[at], whole.mask[at], labels_of, None, None, whole.rng))
    for which in ("discriminator", "generator"):
        together = losses(model, whole, moment, which)
        apart = [losses(model, part, moment, which) for part in parts]
        for name in together.keys() - {"mask_size", "d_penalty"}:
            assert together[name].item() == pytest.approx(sum(a[name].item() for a in apart) / 2, rel=1e-4, abs=1e-6), name


def test_epochs_too_short_for_the_generator_are_refused() -> None:
    model = small(changes=("g_every=5",))
    model.phases(Moment(6, 2, 1))  # five batches an epoch
    with pytest.raises(UsageError, match="g_every=1"):
        model.phases(Moment(5, 2, 1))


def test_a_mask_in_bfloat16_can_still_change() -> None:
    """The probability of a pixel that is all but certainly visible keeps its gradient under autocast."""
    generator = Generator(1, 4)
    logits = torch.full((1, 1, 1, 1), 8.0, requires_grad=True)
    visible = generator.mask[1](logits.to(torch.bfloat16))
    visible.sum().backward()
    assert visible < 1
    assert logits.grad is not None
    assert logits.grad > 0


def test_a_paired_batch_has_all_terms() -> None:
    found = losses(small(), batch(), Moment(1, 1, 1), "generator")
    natural = {"adversarial", "mask_size", "mask_smooth", "image_smooth", "attribute"}
    assert set(found) == natural | {"visible", "hole", "perceptual", "style"}


def test_oa_9_pixel_terms_by_hand() -> None:
    """M=0.25, xs=0.2, y=1.0 everywhere (in [-1, 1]): hole 3.6, valid 0.2."""
    model, of = small(), batch()
    of.clean = torch.ones_like(of.clean)
    of.memo = {"seen": Seen(torch.full((2, 3, 64, 64), 0.2), torch.full((2, 1, 64, 64), 0.25), torch.empty(0))}
    of.memo["final"] = of.memo["seen"].composed(of.occluded)
    found = model.phases(Moment(1, 1, 1))[-1].losses(of)
    assert found["hole"].item() == pytest.approx(3.6, rel=1e-6)
    assert found["visible"].item() == pytest.approx(0.2, rel=1e-6)


def test_oa_12_adversarial_terms_by_hand() -> None:
    """Real scores {1, 3}, fake {0, 2}: D's first step -1, G's adversarial term -1."""
    model, of = small(attributes=0), batch(attributes=0)
    of.memo = {"seen": Seen(of.occluded, torch.full((2, 1, 64, 64), 0.5), torch.empty(0)), "final": of.occluded}

    def scores(images: Tensor) -> tuple[Tensor, None]:
        values = [1.0, 3.0, 0.0, 2.0] if len(images) == 4 else [0.0, 2.0]
        return torch.tensor(values).view(-1, 1, 1, 1), None

    model.discriminator.forward = scores  # type: ignore[method-assign, assignment]
    assert model._critic(of)["d_critic"].item() == pytest.approx(-1)
    assert model._generator(of)["adversarial"].item() == pytest.approx(-1)


def test_oa_11_attribute_term_by_hand() -> None:
    model, of = small(), batch()
    of.labels = torch.ones(2, 3)
    of.memo = {"seen": Seen(of.occluded, torch.full((2, 1, 64, 64), 0.5), torch.empty(0)), "final": of.occluded}
    model.discriminator.forward = lambda images: (torch.zeros(len(images), 1, 1, 1), torch.zeros(len(images), 3, 1, 1))  # type: ignore[method-assign, assignment]
    assert model._generator(of)["attribute"].item() == pytest.approx(1000)


@pytest.mark.parametrize(("which", "other"), [("discriminator", "generator"), ("generator", "discriminator")])
def test_a_phase_needs_gradients_of_its_own_network_alone(which: str, other: str) -> None:
    """With the other's parameters frozen, as the loop freezes them, its own still receive gradients."""
    model, of, moment = small(), batch(), Moment(1, 1, 1)
    model.begin(of, moment)
    model.networks[other].requires_grad_(False)
    phase = {phase.optimizer: phase for phase in model.phases(moment)}[which]
    torch.stack(list(phase.losses(of).values())).sum().backward()
    assert all(p.grad is not None for p in model.networks[which].parameters())
    assert all(p.grad is None for p in model.networks[other].parameters())


def test_the_generator_runs_once_a_step() -> None:
    model, of, moment = small(), batch(), Moment(1, 1, 1)
    calls: list[int] = []
    model.generator.register_forward_hook(lambda *arguments: calls.append(1))
    model.begin(of, moment)
    for phase in model.phases(moment):
        phase.losses(of)
    assert len(calls) == 1


def test_steps_of_the_discriminator_alone_keep_no_graph_of_the_generator() -> None:
    model, of = small(changes=("g_every=5",)), batch()
    model.begin(of, Moment(1, 1, 1))
    assert not of.memo["final"].requires_grad


def test_the_released_order_updates_the_discriminator_twice() -> None:
    model = small(changes=("d_updates=2", "g_every=5"))
    phases = model.phases(Moment(1, 1, 1))
    of = batch()
    model.begin(of, Moment(1, 1, 1))
    assert [phase.optimizer for phase in phases] == ["discriminator"] * 2
    assert [set(phase.losses(of)) for phase in phases] == [{"d_critic", "d_attribute"}, {"d_penalty"}]


@pytest.mark.parametrize("natural", [False, True], ids=["paired", "natural"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains_a_step(variant: str, natural: bool) -> None:
    model, of, moment = small(variant), batch(natural), Moment(1, 1, 1)
    optimizers = model.optimizers()
    before = {name: torch.cat([p.detach().flatten() for p in n.parameters()]) for name, n in model.networks.items()}
    model.begin(of, moment)
    for phase in model.phases(moment):
        found = torch.stack(list(phase.losses(of).values())).sum()
        assert torch.isfinite(found)
        optimizers[phase.optimizer].zero_grad()
        found.backward()
        optimizers[phase.optimizer].step()
    for name, network in model.networks.items():
        assert not torch.equal(before[name], torch.cat([p.detach().flatten() for p in network.parameters()])), name


def test_one_pair_makes_a_batch() -> None:
    found = losses(small(), batch(pairs=1), Moment(1, 1, 1), "discriminator")
    assert all(torch.isfinite(term) for term in found.values())


def test_without_labels_there_is_no_attribute_head() -> None:
    model = small(attributes=0)
    assert model.discriminator.attributes is None
    assert "d_attribute" not in losses(model, batch(attributes=0), Moment(1, 1, 1), "discriminator")


def test_restoring_gives_pictures_masks_and_features() -> None:
    model = small()
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        found = model.restore(x, None)
    assert found.masks is not None
    visible = 1 - found.masks
    assert torch.allclose(found.images, visible * x + found.masks * found.features["synthesis"], atol=1e-5)
    assert 0 <= found.images.min() <= found.images.max() <= 1
    assert found.features["features"].shape == (2, 4, 64, 64)


def test_random_perceptual_weights_are_said_loudly() -> None:
    assert any("RANDOM" in notice for notice in small().notices)


def test_missing_perceptual_weights_stop_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from occbench.errors import InputError

    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = small(changes=("random_features=false",))
    with pytest.raises(InputError, match="lpips_vgg16"):
        dict(model.helpers)


def test_supervised_mask_pulls_the_mask_towards_the_truth() -> None:
    model, of = small("supervised-mask"), batch()
    values = []
    for visible in (1 - of.mask, of.mask):
        seen = Seen(of.occluded, visible.clamp(0.01, 0.99), torch.empty(0))
        of.memo = {"seen": seen, "final": seen.composed(of.occluded)}
        values.append(model._generator(of)["mask"].item())
    assert values[0] < 0.2 < 20 < values[1]


@pytest.mark.parametrize(("size", "expected"), [(16, 1539), (32, 769)])
def test_v2_1_iterations_of_an_epoch(size: int, expected: int) -> None:
    from occbench.training.feed import Feed

    settings = SimpleNamespace(batch_size=size, accumulate=1)
    feed = Feed(np.empty(24_633), None, None, Any, settings, 0, torch.device("cpu"))  # type: ignore[arg-type]
    assert feed.iterations == expected


@pytest.mark.parametrize(("size", "expected"), [(16, 826), (32, 413)])
def test_v2_2_batches_of_a_test(size: int, expected: int) -> None:
    """13,217 pictures in batches that are full, counted as a training run counts."""
    from occbench.training.feed import Feed

    settings = SimpleNamespace(batch_size=size, accumulate=1)
    feed = Feed(np.empty(13_217), None, None, Any, settings, 0, torch.device("cpu"))  # type: ignore[arg-type]
    assert feed.iterations == expected


def test_v2_3_generator_steps_of_an_epoch() -> None:
    with torch.device("meta"):
        model = OAGAN(resolve("oa-gan", variant="wgan-gp").settings, 3)
    moments = [Moment(k, 1, k) for k in range(1, 1540)]
    trained = [m for m in moments if model.trains_generator(m)]
    assert len(trained) == 307
    assert sum(model.sees_natural(m) for m in trained) == 153


@pytest.mark.parametrize(("variant", "total"), [("wgan-gp", 1.0), ("resnet34-ls", 0.9)])
def test_v2_4_labels_never_accumulate(variant: str, total: float) -> None:
    people = [f"lfw/{name}" for name in ("b", "a", "c", "a", "b")]
    found = labels(SimpleNamespace(identities=people), "identity")  # type: ignore[arg-type]
    assert isinstance(found, Labels)
    model = small(variant, attributes=3)
    for rows in (np.array([0, 1]), np.array([2, 3]), np.array([4, 0])):
        targets = model._targets(batch(), torch.from_numpy(found.of(rows)))
        assert targets is not None
        assert torch.allclose(targets.sum(1), torch.full((2,), total))


def test_v2_5_batch_statistics_of_the_features_stay() -> None:
    model = small("resnet34-ls")
    taps = model.helpers["features"]
    taps.train()
    before = {key: value.clone() for key, value in taps.state_dict().items()}
    torch.stack(list(losses(model, batch(), Moment(1, 1, 1), "generator").values())).sum().backward()
    assert any("running_mean" in key for key in before)
    assert all(torch.equal(value, before[key]) for key, value in taps.state_dict().items())


@pytest.mark.parametrize("attributes", [7, 509])
def test_v2_6_spectral_norm_adds_no_parameters(attributes: int) -> None:
    with torch.device("meta"):
        assert count(Discriminator(attributes=attributes, spectral=True)) == count(Discriminator(attributes=attributes))


def test_v2_6_spectral_norm_bounds_every_weight() -> None:
    model = Discriminator(64, 3, 4, spectral=True)
    for _ in range(50):
        model(torch.rand(1, 3, 64, 64))
    model.eval()
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 8
    for convolution in convolutions:
        assert torch.linalg.matrix_norm(convolution.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


def test_spectral_norms_are_computed_without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU, autocast would round the products of their power iteration to bfloat16; a CPU's leaves them alone."""
    seen, product = [], torch.mv

    def noted(*given: Tensor) -> Tensor:
        seen.append(torch.is_autocast_enabled("cpu"))
        return product(*given)

    model = Discriminator(64, 3, 4, spectral=True)
    monkeypatch.setattr(torch, "mv", noted)
    with torch.autocast("cpu", torch.bfloat16):
        scores, _ = model(torch.rand(1, 3, 64, 64))
    assert scores.dtype == torch.bfloat16
    assert len(seen) == 3 * 8  # each weight's once: two products of the iteration, and one for the norm
    assert not any(seen)


def test_instance_norm_in_the_discriminator_adds_its_affine_parameters() -> None:
    with torch.device("meta"):
        assert count(Discriminator(attributes=509, instance_norm=True)) == 48_898_752


def test_v2_7_label_smoothing() -> None:
    targets = small("resnet34-ls")._targets(batch(), torch.eye(3)[:2])
    assert targets is not None
    assert targets.max().item() == pytest.approx(0.9)
    assert [(row != 0).sum().item() for row in targets] == [1, 1]


def test_s0_1_shapes_of_seed_000s_generator() -> None:
    with torch.device("meta"):
        made, visible, _ = Generator(3, layout="seed-000")(torch.rand(2, 3, 128, 128))
    assert made.shape == (2, 3, 128, 128)
    assert visible.shape == (2, 1, 128, 128)


def test_s0_2_parameters_of_seed_000s_generator() -> None:
    with torch.device("meta"):
        assert count(Generator(3, layout="seed-000")) == 10_381_700


def test_s0_3_the_mask_multiplies_element_by_element() -> None:
    """x of ones, M of 0.5: 0.5 everywhere, where a matrix product would give 64 at 128 px."""
    generator = Generator(1, 4)
    generator.aware.forward = lambda x: torch.ones(1, 4, 128, 128)  # type: ignore[method-assign, assignment]
    generator.mask.forward = lambda x: torch.full((1, 1, 128, 128), 0.5)  # type: ignore[method-assign, assignment]
    handed: list[Tensor] = []
    hook: Callable[..., None] = lambda module, inputs: handed.append(inputs[0])  # noqa: E731
    generator.completion.register_forward_pre_hook(hook)
    generator(torch.rand(1, 3, 128, 128))
    assert torch.equal(handed[0], torch.full((1, 4, 128, 128), 0.5))


def test_phases_are_of_known_optimisers() -> None:
    model = small()
    assert all(isinstance(phase, Phase) and phase.optimizer in model.optimizers() for phase in model.phases(Moment(1, 1, 1)))
