"""The baselines that learn in stages, in the loop: resumed to the bit across stages, and able to learn sixteen faces by heart."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from occbench.errors import UsageError
from occbench.pairs.paired import open_pairs
from occbench.restoration.trained import Trained
from occbench.training.checkpoints import BEST, LAST, load
from occbench.training.recipe import resolve
from occbench.training.train import train

TINY = {
    "two-stage": ["size=64", "base=2", "mask_epochs=1", "epochs=3"],
    "din-unmask": ["size=64", "base=2", "d_base=2", "map_epochs=1", "epochs=3", "mask_after=1", "random_features=true"],
    "double-discriminator": ["size=128", "base=2", "bottleneck=4", "detector_base=2", "detector_epochs=1", "epochs=3"],
}
FIRST = {"two-stage": "mask", "din-unmask": "map", "double-discriminator": "detector"}
LATER = {"two-stage": "face", "din-unmask": "edit", "double-discriminator": "face"}
COMMON = ["batch_size=4", "ema=0.9", "augment.flip=true", "augment.colour=0.2", "log_every=1", "save_every=1", "validation.pairs=2"]

Run = Callable[..., Path]


@pytest.fixture(scope="module")
def run(data: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`run(name, out=None, **options)`: train a tiny one, or go on with the run in `out`."""

    def run(name: str, out: Path | None = None, changes: Sequence[str] = (), **options: object) -> Path:
        into = out or tmp_path_factory.mktemp("runs") / "run"
        recipe = resolve(name, changes=[*TINY[name], *COMMON, *changes])
        train(recipe, data, into, resume=out is not None, device="cpu", cache=cache, **options)  # type: ignore[arg-type]
        return into

    return run


@pytest.mark.parametrize("name", list(TINY))
def test_a_resumed_run_comes_to_the_same_weights(run: Run, name: str) -> None:
    """Interrupted before its second stage begins, within it, and not at all. Dropout, noise, windows and averages included."""
    whole = load_file(run(name) / LAST)
    resumed = run(name, steps=1)
    for options in ({"stage": FIRST[name]}, {"steps": 4}, {"stage": LATER[name]}):
        run(name, resumed, **options)
    again = load_file(resumed / LAST)
    assert whole.keys() == again.keys()
    assert [key for key in whole if not np.array_equal(whole[key].numpy(), again[key].numpy())] == []


def test_global_draws_of_the_caller_change_nothing(run: Run) -> None:
    """Dropout draws from torch's global generator, which the loop keys by step, and gives back as it was."""
    torch.manual_seed(1)
    one = load_file(run("two-stage") / LAST)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    other = load_file(run("two-stage") / LAST)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(np.array_equal(one[key].numpy(), other[key].numpy()) for key in one)


def test_a_finished_stage_is_left_alone(run: Run) -> None:
    """The network of the first stage takes its averages when the second begins, and neither changes any more."""
    first, whole = run("two-stage", stage="mask"), run("two-stage")
    before, after = load_file(first / LAST), load_file(whole / LAST)
    masks = [key.removeprefix("averages.") for key in before if key.startswith("averages.mask.")]
    assert masks
    for key in masks:
        assert torch.equal(after[f"averages.{key}"], before[f"averages.{key}"]), key
        assert torch.equal(after[f"networks.{key}"], before[f"averages.{key}"]), key


def test_after_the_last_stage_nothing_settles(run: Run) -> None:
    """Beyond the recipe's epochs, networks go on from where they are, not from their averages."""
    done = run("two-stage")
    before = load_file(done / LAST)
    epochs = load(done / LAST).count("step")
    run("two-stage", done, steps=epochs + 1)
    after = load_file(done / LAST)
    keys = [key.removeprefix("averages.") for key in before if key.startswith("averages.generator.") and key.endswith("weight")]

    def moved(one: str) -> float:
        return max(float((after[f"networks.{key}"] - before[f"{one}.{key}"]).abs().max()) for key in keys)

    assert moved("networks") < moved("averages")


def test_din_2_until_it_joins_the_second_discriminator_stays_as_it_was(run: Run) -> None:
    early = load_file(run("din-unmask", stage="map") / LAST)
    joined = load(run("din-unmask") / LAST)  # in its third epoch
    steps = joined.count("step") // 3
    middle = load_file(run("din-unmask", steps=2 * steps) / LAST)
    own = [key for key in early if key.startswith("networks.mask_discriminator.")]
    assert all(torch.equal(early[key], middle[key]) for key in own)
    assert not any(key.startswith("optimizers.mask_discriminator.") for key in middle)
    assert not all(torch.equal(joined.arrays[key], middle[key]) for key in own)


@pytest.mark.parametrize("name", list(TINY))
def test_parts_of_a_batch_train_as_well(run: Run, name: str) -> None:
    assert run(name, changes=["accumulate=2"]).exists()


def test_each_stage_has_its_own_measure_of_the_best(run: Run) -> None:
    out = run("two-stage", stage="mask")
    assert "iou" in load(out / BEST).facts["validation"]
    first = load(out / LAST).facts["best"]["step"]
    run("two-stage", out, stage="face")
    assert load(out / LAST).facts["best"]["step"] > first


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("two-stage", {"stage": "face"}, r"goes on from the stage mask.*0 of 1 epochs"),
        ("two-stage", {"stage": "faec"}, r"no stage 'faec': its stages are mask, face"),
    ],
)
def test_stages_out_of_order_are_refused(run: Run, name: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(name, **options)


def test_a_run_without_its_second_stage_says_so(run: Run) -> None:
    """A user of the detector alone need not train the rest, and nobody is to take its pictures for results."""
    trained = Trained.open(run("two-stage", stage="mask"), "cpu")
    assert any("only its stage mask" in notice for notice in trained.notices)
    assert Trained.open(run("two-stage"), "cpu").notices == ()


STAGED = ["size=128", "batch_size=4", "epochs=75", "optimizer.lr=1e-3"]
LEARNING = {
    "two-stage": ["base=16", "mask_epochs=15"],
    # Without its perceptual term, which would take minutes.
    "din-unmask": ["base=4", "map_epochs=25", "edit_lr=2e-3", "weights.perceptual=0"],
    "double-discriminator": ["base=16", "bottleneck=128", "detector_base=4", "detector_epochs=5"],
}


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("name", list(LEARNING))
def test_sixteen_faces_are_learnt_by_heart(sixteen: Callable[[int], Path], tmp_path: Path, name: str) -> None:
    """Terms at their published weights, at 128 px: the gain over the occluded input exceeds 6 dB."""
    recipe = resolve(name, changes=[*STAGED, *LEARNING[name], "save_every=1000"])
    data = sixteen(128)
    train(recipe, data, tmp_path / "run", device="cpu", cache=tmp_path)
    pairs = open_pairs(data, "train", cache=tmp_path)
    clean = pairs.photographs[pairs.clean]
    restored = Trained.open(tmp_path / "run", "cpu").restore(pairs.occluded, None).images
    assert psnr(restored, clean) - psnr(pairs.occluded, clean) > 6


def psnr(images: np.ndarray, clean: np.ndarray) -> float:
    """Mean over pictures, dB."""
    error = ((images / 255.0 - clean / 255.0) ** 2).mean(axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(error)))
