"""The context encoder against its acceptance checks, CE-1 to CE-10 (CE-8 is in tests/training/test_loop.py)."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from occbench.baselines.context_encoder import holes
from occbench.baselines.context_encoder.baseline import ContextEncoder, band_error, squared_error
from occbench.baselines.context_encoder.networks import (
    ChannelwiseLinear,
    Discriminator,
    Generator,
    PathakDiscriminator,
    PathakGenerator,
)
from occbench.errors import UsageError
from occbench.pairs.paired import open_pairs
from occbench.synthesis.dataset import synthesise
from occbench.synthesis.recipe import resolve as resolve_data
from occbench.synthesis.selection import Selection
from occbench.training import Batch, Moment
from occbench.training.checkpoints import LAST, load
from occbench.training.recipe import baseline, book, resolve
from occbench.training.train import build, train
from occbench.training.validation import Validation

VARIANTS = list(book(baseline("context-encoder"))["variants"])
NOW = Moment(1, 1, 1)


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def small(variant: str = "intended", *changes: str) -> ContextEncoder:
    tiny = ["base=2", "bottleneck=8", *(() if variant == "pathak" else ("size=32", "centre=10")), *changes]
    built = build(resolve("context-encoder", variant=variant, changes=tiny), 0, 0)
    assert isinstance(built, ContextEncoder)
    return built


def batch(size: int, pairs: int = 3) -> Batch:
    draws = torch.Generator().manual_seed(2)
    clean = torch.rand((pairs, 3, size, size), generator=draws)
    mask = torch.zeros(pairs, 1, size, size)
    mask[:, :, size // 4 : size // 2, size // 3 : 3 * size // 4] = 1
    mask[:, :, size // 2, size // 3 : 3 * size // 4] = 0.2  # a soft edge hides, too
    return Batch(clean * (1 - mask), clean, mask, None, None, None, draws)


@pytest.mark.parametrize(
    ("size", "encoder", "across", "decoder", "generator", "discriminator"),
    [
        ((128, 128), 1_473_936, 69_632, 2_063_763, 3_607_331, 1_478_033),
        ((218, 178), 1_473_936, 462_336, 2_063_763, 4_000_035, 1_484_689),
    ],
    ids=str,
)
def test_ce_1_parameters(
    size: tuple[int, int], encoder: int, across: int, decoder: int, generator: int, discriminator: int
) -> None:
    with torch.device("meta"):
        g, d = Generator(*size), Discriminator(*size)
    assert [count(part) for part in (g.encoder, g.across, g.decoder)] == [encoder, across, decoder]
    assert [count(g), count(d)] == [generator, discriminator]


@pytest.mark.parametrize(("size", "latent"), [((128, 128), (256, 4, 4)), ((218, 178), (256, 7, 6))], ids=str)
def test_ce_2_latent_and_output(size: tuple[int, int], latent: tuple[int, int, int]) -> None:
    with torch.device("meta"):
        g, images = Generator(*size), torch.empty(1, 3, *size)
        assert g.encoder(images).shape[1:] == latent
        assert g(images).shape == images.shape


def test_ce_3_the_channelwise_layer_does_not_mix_channels() -> None:
    layer = ChannelwiseLinear(8, 16)
    first = torch.rand(1, 8, 4, 4)
    second = first.clone()
    second[:, 5] += 1
    changed = (layer(first) != layer(second)).flatten(2).any(2)[0]
    assert changed.tolist() == [k == 5 for k in range(8)]


def test_ce_4_reconstruction_in_both_scalings() -> None:
    hole = holes.centre(2, 128, 42)
    total, mean = squared_error(torch.full((2, 3, 128, 128), 0.6), torch.full((2, 3, 128, 128), 0.5), hole)
    assert total.item() == pytest.approx(52.92, rel=1e-5)
    assert mean.item() == pytest.approx(0.01, rel=1e-5)


def test_ce_5_errors_outside_the_hole_do_not_count() -> None:
    hole = holes.centre(1, 32, 10)
    clean = torch.rand(1, 3, 32, 32)
    total, mean = squared_error(clean + (1 - hole), clean, hole)
    assert total.item() == 0
    assert mean.item() == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_ce_6_visible_pixels_stay_to_the_bit(variant: str) -> None:
    model = small(variant)
    of = batch(model.settings.size)
    with torch.inference_mode():
        restored = model.restore(of.occluded, of.mask).images
    visible = (of.mask == 0).expand_as(restored)
    assert torch.equal(restored[visible], of.occluded[visible])
    assert (restored != of.occluded).any()
    assert 0 <= restored.min() <= restored.max() <= 1


def test_ce_7_the_seeds_rectangles() -> None:
    rng, sides, tops, bottoms = torch.Generator().manual_seed(0), set(), set(), set()
    for _ in range(1000):
        hole = holes.quadrant(1, 128, rng)[0, 0]
        rows, columns = hole.any(1).nonzero()[:, 0], hole.any(0).nonzero()[:, 0]
        sides |= {len(rows), len(columns)}
        tops |= {int(rows[0]), int(columns[0])}
        bottoms |= {int(rows[-1]), int(columns[-1])}
        assert hole.sum() == len(rows) * len(columns)
    assert (min(sides), max(sides)) == (32, 64)
    assert (min(tops), max(tops)) == (0, 63)
    assert 120 < max(bottoms) <= 126


def test_the_seed_has_one_rectangle_a_batch_and_we_one_a_picture() -> None:
    seeds, ours = (draw(8, 64, torch.Generator().manual_seed(1)) for draw in (holes.quadrant, holes.rectangles))
    assert all(torch.equal(seeds[0], other) for other in seeds)
    assert len({tuple(hole.flatten().tolist()) for hole in ours}) == 8


@given(seed=st.integers(0, 2**40), side=st.integers(16, 96).map(lambda k: 2 * k))
@settings(max_examples=40, deadline=None)
def test_rectangles_lie_inside_and_have_the_right_sides(seed: int, side: int) -> None:
    for hole in holes.rectangles(4, side, torch.Generator().manual_seed(seed))[:, 0]:
        rows, columns = int(hole.any(1).sum()), int(hole.any(0).sum())
        assert side // 4 <= rows <= side // 2
        assert side // 4 <= columns <= side // 2
        assert hole.sum() == rows * columns


def test_ce_9_adversarial_loss_of_an_undecided_discriminator() -> None:
    model = small("as-coded")
    model.discriminator.forward = lambda images: torch.zeros(len(images), 1)  # type: ignore[method-assign, assignment]
    of = batch(32)
    model.begin(of, NOW)
    assert model._together(of)["adversarial"].item() == pytest.approx(2 * math.log(2), abs=1e-4)


def test_ce_9_opposed_losses_of_an_undecided_discriminator() -> None:
    model = small("intended", "weights.adversarial=1")
    model.discriminator.forward = lambda images: torch.zeros(len(images), 1)  # type: ignore[method-assign, assignment]
    of = batch(32)
    model.begin(of, NOW)
    assert sum(term.item() for term in model._discriminator(of).values()) == pytest.approx(2 * math.log(2), rel=1e-5)
    assert model._generator(of)["adversarial"].item() == pytest.approx(math.log(2), rel=1e-5)


def test_objectives_are_opposed() -> None:
    """What D gains by calling a fake false, G loses; in the seed's sum, G gains it too."""
    model = small("intended", "weights.adversarial=1")
    of = batch(32)
    for logit, better in ((-3.0, "d_fake"), (3.0, "adversarial")):
        value = torch.tensor([[logit]])
        model.discriminator.forward = lambda images, value=value: value.expand(len(images), 1)  # type: ignore[method-assign, assignment, misc]
        model.begin(of, NOW)
        found = {**model._discriminator(of), **model._generator(of)}
        assert found[better] < min(v for k, v in found.items() if k in {"d_fake", "adversarial"} - {better})


def test_ce_10_pathaks_network() -> None:
    with torch.device("meta"):
        g, d = PathakGenerator(), PathakDiscriminator()
        assert g(torch.empty(2, 3, 128, 128)).shape == (2, 3, 64, 64)
        assert d(torch.empty(2, 3, 64, 64)).shape == (2, 1)
    assert [count(g), count(d)] == [71_130_531, 2_766_529]


def test_ce_10_pathaks_rates() -> None:
    optimizers = small("pathak").optimizers()
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in optimizers.items()}
    assert rates["generator"] == pytest.approx(10 * rates["discriminator"])


def test_the_seed_has_one_optimiser_for_everything() -> None:
    model = small("as-coded")
    optimizers = model.optimizers()
    assert [phase.optimizer for phase in model.phases(NOW)] == list(optimizers) == ["all"]
    held = sum(p.numel() for group in optimizers["all"].param_groups for p in group["params"])
    assert held == count(model.generator) + count(model.discriminator)


def test_pathaks_window_around_the_middle_hole_is_the_middle() -> None:
    hole = holes.centre(1, 128, 56)
    where = holes.windows(hole)
    images = torch.rand(1, 3, 128, 128)
    assert where.tolist() == [[64.0, 64.0, 32.0]]
    assert torch.allclose(holes.cut(images, where), images[:, :, 32:96, 32:96], atol=1e-5)


@given(top=st.integers(4, 86), left=st.integers(4, 86), side=st.integers(8, 38))
@settings(max_examples=30, deadline=None)
def test_pathaks_windows_go_back_to_where_they_were_cut(top: int, left: int, side: int) -> None:
    """A plane is linear, so that bilinear sampling there and back keeps it (but where the window leaves the picture)."""
    hole = torch.zeros(1, 1, 128, 128)
    hole[:, :, top : top + side, left : left + side] = 1
    along = torch.arange(128.0)
    plane = (along[:, None] * 2 + along).expand(1, 3, 128, 128)
    where = holes.windows(hole)
    again = holes.paste(holes.cut(plane, where), where, 128)
    inside = (hole > 0).expand_as(plane)
    assert torch.allclose(again[inside], plane[inside], atol=1e-2)


def test_a_picture_without_a_hole_is_one_window() -> None:
    assert holes.windows(torch.zeros(1, 1, 64, 64)).tolist() == [[32.0, 32.0, 32.0]]


def test_pathaks_band_counts_ten_times() -> None:
    clean, made = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    made[..., 0, 0] = 1
    band = band_error(made, clean)
    made[..., 0, 0], made[..., 30, 30] = 0, 1
    assert band.item() == pytest.approx(10 * band_error(made, clean).item())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_trains(variant: str) -> None:
    model = small(variant)
    of, optimizers = batch(model.settings.size), model.optimizers()
    before = [p.detach().clone() for p in model.generator.parameters()]
    for _ in range(2):
        model.begin(of, NOW)
        for phase in model.phases(NOW):
            total: Tensor = torch.stack(list(phase.losses(of).values())).sum()
            optimizers[phase.optimizer].zero_grad()
            total.backward(retain_graph=True)  # type: ignore[no-untyped-call]
            assert torch.isfinite(total)
            optimizers[phase.optimizer].step()
    assert any(not torch.equal(one, other) for one, other in zip(before, model.generator.parameters(), strict=True))


def test_soft_pixels_of_a_mask_are_filled_too() -> None:
    model = small()
    of = batch(32)
    model.begin(of, NOW)
    assert torch.equal(of.memo["hole"] > 0, of.mask > 0)


@pytest.mark.parametrize(
    ("variant", "changes", "said"),
    [
        ("pathak", ("size=64",), "128 px"),
        ("intended", ("size=33",), "even size"),
        ("intended", ("reconstruction=band",), "network=pathak"),
        ("pathak", ("reconstruction=mean",), "network=pathak"),
        ("intended", ("base=0",), "at least 1"),
        ("pathak", ("bottleneck=0",), "at least 1"),
        ("pathak", ("batch_size=4", "accumulate=4"), "two pairs at a time"),
    ],
)
def test_settings_that_do_not_fit_are_refused(variant: str, changes: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        small(variant, *changes)


@pytest.mark.slow
@pytest.mark.real
def test_sixteen_faces_are_learnt_by_heart(shared: Path, tmp_path: Path) -> None:
    """The gain over the occluded input exceeds 6 dB on the pairs that it was trained on, at 64 px and half the width."""
    data = {"source": "lfw", "occluders": ["mask"], "size": 64, "split": "train", "limit": 16}
    synthesise(Selection(resolve_data(data, "test"), shared / "data" / "lfw"), tmp_path / "data", workers=1)
    recipe = resolve(
        "context-encoder", changes=["size=64", "base=8", "batch_size=8", "gain=2", "optimizer.lr=1e-3", "save_every=1000"]
    )
    train(recipe, tmp_path / "data", tmp_path / "run", steps=150, device="cpu", cache=tmp_path)
    checkpoint = load(tmp_path / "run" / LAST)
    model = build(checkpoint.recipe, 0, 0)
    checkpoint.load_networks(model.networks)
    values, _ = Validation(open_pairs(tmp_path / "data", "train", cache=tmp_path), 16).measure(model, 64, torch.device("cpu"))
    assert values["psnr_gain"] > 6
