"""A trained run as a method: opened from a checkpoint, the same digits whatever the batch, scored like any other."""

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from occbench import restoration
from occbench.errors import InputError, UsageError
from occbench.restoration.trained import Trained
from occbench.training import checkpoints
from occbench.training.recipe import resolve
from occbench.training.train import build

SIZE = 32


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a tiny context encoder whose weights are those that it began with."""
    folder = tmp_path_factory.mktemp("run")
    recipe = resolve("context-encoder", changes=[f"size={SIZE}", "base=2"])
    baseline = build(recipe, 0, 7)
    checkpoints.save(folder / checkpoints.LAST, recipe, {"step": 5, "labels": 0, "notices": ["mind the gap"]}, baseline.networks)
    return folder


@pytest.fixture(scope="module")
def batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (11, SIZE, SIZE, 3), dtype=np.uint8)
    masks = np.zeros((11, SIZE, SIZE), np.uint8)
    masks[:, 8:20, 6:22] = 255
    masks[:, 20, 6:22] = 40
    return images, masks


def test_visible_pixels_come_back_as_they_were(run: Path, batch: tuple[np.ndarray, np.ndarray]) -> None:
    images, masks = batch
    restored = restoration.apply(Trained.open(run, "cpu"), images, masks).images
    assert np.array_equal(restored[masks == 0], images[masks == 0])
    assert not np.array_equal(restored[masks > 0], images[masks > 0])


def test_values_outside_the_state_are_named(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No checkpoint holds them."""

    def with_more(*given: Any) -> Any:
        built = build(*given)
        next(iter(built.networks.values())).register_buffer("window", torch.ones(3), persistent=False)
        return built

    (tmp_path / checkpoints.LAST).write_bytes((run / checkpoints.LAST).read_bytes())
    monkeypatch.setattr("occbench.training.train.build", with_more)
    with pytest.raises(InputError, match="generator keeps values outside its state"):
        Trained.open(tmp_path, "cpu").prepare(lambda: iter(()))


@pytest.mark.parametrize("at", [slice(0, 1), slice(2, 5), slice(7, 11), slice(0, 9)])
def test_a_restoration_does_not_depend_on_its_batch(run: Path, batch: tuple[np.ndarray, np.ndarray], at: slice) -> None:
    images, masks = batch
    method = Trained.open(run, "cpu")
    whole = restoration.apply(method, images, masks).images
    assert np.array_equal(restoration.apply(method, images[at], masks[at]).images, whole[at])


def test_a_method_survives_pickling(run: Path, batch: tuple[np.ndarray, np.ndarray]) -> None:
    method = Trained.open(run, "cpu")
    again = pickle.loads(pickle.dumps(method))
    assert again == method
    assert np.array_equal(restoration.apply(again, *batch).images, restoration.apply(method, *batch).images)


def test_images_of_another_size_are_scaled_on_the_way(run: Path) -> None:
    images = np.full((2, 48, 48, 3), 90, np.uint8)
    masks = np.zeros((2, 48, 48), np.uint8)
    masks[:, 10:20, 10:30] = 255
    restored = restoration.apply(Trained.open(run, "cpu"), images, masks).images
    assert restored.shape == images.shape
    assert np.array_equal(restored[masks == 0], images[masks == 0])


def test_the_signature_names_the_weights(run: Path, tmp_path: Path) -> None:
    first = Trained.open(run, "cpu")
    recipe = resolve("context-encoder", changes=[f"size={SIZE}", "base=2"])
    checkpoints.save(
        tmp_path / checkpoints.BEST, recipe, {"step": 5, "labels": 0}, {"generator": build(recipe, 0, 8).networks["generator"]}
    )
    assert first.signature != Trained.open(tmp_path, "cpu").signature
    assert first.name == "context-encoder intended"
    assert first.notices == ("mind the gap",)


def test_the_name_says_that_a_recipe_made_it_smaller(tmp_path: Path) -> None:
    recipe = resolve("context-encoder", recipe="cpu", changes=[f"size={SIZE}", "base=2"])
    checkpoints.save(tmp_path / checkpoints.LAST, recipe, {"step": 5, "labels": 0}, build(recipe, 0, 8).networks)
    assert Trained.open(tmp_path, "cpu").name == "context-encoder intended (cpu)"


def test_averages_restore_where_there_are_any(tmp_path: Path, batch: tuple[np.ndarray, np.ndarray]) -> None:
    recipe = resolve("context-encoder", changes=[f"size={SIZE}", "base=2", "ema=0.9"])
    one, two = build(recipe, 0, 1), build(recipe, 0, 2)
    averages = {"generator": two.networks["generator"]}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    checkpoints.save(tmp_path / "a" / checkpoints.LAST, recipe, {"step": 1, "labels": 0}, one.networks, averages)
    checkpoints.save(tmp_path / "b" / checkpoints.LAST, recipe, {"step": 1, "labels": 0}, two.networks)
    a, b = (restoration.apply(Trained.open(tmp_path / name, "cpu"), *batch).images for name in "ab")
    assert np.array_equal(a, b)


def test_a_given_mask_run_asks_for_a_mask(run: Path, batch: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(UsageError, match="mask"):
        restoration.apply(Trained.open(run, "cpu"), batch[0], None)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"generator": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"weights\.pt.*pickles"):
        Trained.open(path, "cpu")


def test_foreign_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="no checkpoint of occbench"):
        Trained.open(path, "cpu")


TINY = {
    "context-encoder": ("size=32", "base=2"),
    "din-unmask": ("size=64", "base=2", "d_base=2"),
    "double-discriminator": ("size=128", "base=2", "bottleneck=4", "detector_base=2"),
    "oa-gan": ("size=64", "width=2", "blocks=1"),
    "two-stage": ("size=64", "base=2"),
}


def claiming(path: Path, name: str, labels: int = 0, **settings: Any) -> Path:
    """A checkpoint of tiny networks whose recipe claims others."""
    recipe = resolve(name, changes=TINY[name])
    baseline = build(recipe, 0, 1)
    claimed = dataclasses.replace(recipe, settings=dataclasses.replace(recipe.settings, **settings))
    networks = {key: baseline.networks[key] for key in baseline.restoring}
    checkpoints.save(path / checkpoints.BEST, claimed, {"step": 1, "labels": labels}, networks)
    return path / checkpoints.BEST


@pytest.mark.parametrize("wide", [100_000, 2**31 - 1], ids=["terabytes", "beyond counting"])
@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("context-encoder", "base"),
        ("din-unmask", "base"),
        ("double-discriminator", "base"),
        ("double-discriminator", "bottleneck"),
        ("double-discriminator", "detector_base"),
        ("oa-gan", "width"),
        ("two-stage", "base"),
    ],
)
def test_networks_that_the_file_does_not_hold_take_no_memory(tmp_path: Path, name: str, setting: str, wide: int) -> None:
    path = claiming(tmp_path, name, **{setting: wide})
    with pytest.raises(InputError, match="does not fit") as caught:
        Trained.open(path, "cpu")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "setting"), [("oa-gan", "blocks"), ("two-stage", "size"), ("oa-gan", "size")])
def test_recipes_beyond_all_bounds_are_refused(tmp_path: Path, name: str, setting: str) -> None:
    path = claiming(tmp_path, name, **{setting: 1 << 30})
    with pytest.raises(InputError, match=f"{setting} is at most") as caught:
        Trained.open(path, "cpu")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "claims"), [("din-unmask", {"d_base": 100_000}), ("oa-gan", {"labels": 1 << 20})])
def test_networks_that_only_train_take_no_memory(tmp_path: Path, name: str, claims: dict[str, int]) -> None:
    method = Trained.open(claiming(tmp_path, name, **claims), "cpu")
    restored = restoration.apply(method, np.full((1, 64, 64, 3), 90, np.uint8), None).images
    assert restored.shape == (1, 64, 64, 3)


@pytest.mark.parametrize("name", TINY)
def test_a_checkpoint_restores_as_the_networks_that_it_holds(tmp_path: Path, name: str) -> None:
    from occbench.training.inference import evaluating, infer

    method = Trained.open(claiming(tmp_path, name), "cpu")
    images = np.random.default_rng(4).integers(0, 256, (8, method.size, method.size, 3), dtype=np.uint8)
    masks = np.zeros(images.shape[:3], np.uint8)
    masks[:, 20:30, 4:28] = 255
    mask = masks if method.track == "given-mask" else None
    baseline = build(resolve(name, changes=TINY[name]), 0, 1)
    with evaluating(baseline.networks):
        wanted = infer(baseline, images, mask, method.size, torch.device("cpu"))
    assert np.array_equal(method.restore(images, mask).images, wanted.images)


def test_an_empty_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trained run"):
        Trained.open(tmp_path, "cpu")


def test_a_run_is_scored_like_a_method(run: Path, data: Path, tmp_path: Path) -> None:
    from occbench.scoring import job

    out = tmp_path / "result"
    document = job.run(data, out, trained=run, device="cpu", metrics=["psnr"], workers=1, cache=tmp_path / "cache")
    assert document["name"] == "context-encoder intended"
    assert document["track"] == "given-mask"
    assert "weights:" in document["method"]
    assert "mind the gap" in document["warnings"]
    visible = [row for row in document["metrics"] if row["region"] == "visible"]
    assert visible[0]["value"] == 100
    assert json.loads((out / "result.json").read_text())["method"] == document["method"]
