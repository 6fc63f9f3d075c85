"""Recipes: typed, layered, and clear about what is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from occbench.errors import UsageError
from occbench.training import BASELINES
from occbench.training.catalogue import parameters
from occbench.training.recipe import Recipe, baseline, book, flat, resolve, restored


@pytest.mark.parametrize("name", BASELINES)
def test_every_variant_and_recipe_resolves(name: str) -> None:
    pages = book(baseline(name))
    assert all(page["about"].endswith(".") for kind in ("variants", "recipes") for page in pages[kind].values())
    for variant in pages["variants"]:
        for recipe in pages["recipes"]:
            found = resolve(name, variant=variant, recipe=recipe)
            assert (found.variant, found.recipe) == (variant, recipe)
            assert all(parameters(found).values())  # networks can be built from it


@pytest.mark.parametrize("name", BASELINES)
def test_settings_in_the_book_are_complete(name: str) -> None:
    """Every field of the dataclass that the loop does not have a default for stands there, and nothing else."""
    default = resolve(name)
    assert flat(book(baseline(name))["settings"]).keys() <= flat(default.document()["settings"]).keys()


@pytest.mark.parametrize("name", BASELINES)
def test_a_recipe_survives_its_document(name: str) -> None:
    for variant in book(baseline(name))["variants"]:
        recipe = resolve(name, variant=variant)
        assert restored(yaml.safe_load(yaml.safe_dump(recipe.document())), "here") == recipe


def test_layers_go_from_variant_over_recipe_to_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("about: Mine.\nvariant: dragan\nset: {batch_size: 7, epochs: 60}\n")
    settings = resolve("oa-gan", recipe=str(file), changes=["epochs=70"]).settings
    assert (settings.batch_size, settings.epochs) == (7, 70)
    assert resolve("oa-gan", recipe=str(file)).variant == "dragan"
    assert resolve("oa-gan", recipe=str(file), variant="sn").variant == "sn"


def test_numbers_may_be_written_as_people_write_them() -> None:
    assert resolve("oa-gan", changes=["optimizer.lr=1e-4"]).settings.optimizer.lr == 1e-4
    assert resolve("oa-gan", changes=["optimizer.lr=1"]).settings.optimizer.lr == 1.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["batchsize=4"], "Did you mean 'batch_size'"),
        (["batch_size=four"], "batch_size is a whole number"),
        (["batch_size=2.5"], "batch_size is a whole number"),
        (["batch_size=true"], "batch_size is a whole number"),
        (["batch_size=0"], "batch_size is at least 1"),
        (["optimizer.lr=-1"], "optimizer.lr is a number from 0 on"),
        (["optimizer.lr=nan"], "optimizer.lr is a number"),
        (["optimizer=3"], "no setting 'optimizer'"),
        (["penalty=wgan"], "Did you mean 'wgan-gp'"),
        (["spectral=maybe"], "spectral is true or false"),
        (["d_updates=3"], "d_updates cannot be 3"),
        (["accumulate=5"], "must divide batch_size"),
        (["decay_epochs=200"], "decay_epochs"),
        (["ema=1"], "ema is a decay"),
        (["epochs"], "key=value"),
        (["epochs=[1"], "not YAML"),
        (["epochs=2020-13-45"], "not YAML"),
        (["epochs=" + "[" * 3000], "not YAML"),
        (["optimizer=&a {lr: *a}"], "not YAML"),
        (["d_updates=1.0"], "d_updates cannot be 1.0"),
        (["d_updates=true"], "d_updates cannot be True"),
        (["optimizer.lr=1" + "0" * 400], "optimizer.lr is a number"),
        (["optimizer.beta1=1"], "beta1"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_settings_that_cannot_be_are_refused(changes: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolve("oa-gan", changes=changes)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "oagan"}, "Did you mean 'oa-gan'"),
        ({"name": "oa-gan", "variant": "drgan"}, "Did you mean 'dragan'"),
        ({"name": "oa-gan", "recipe": "cpuu"}, "Did you mean 'cpu'"),
        ({"name": "oa-gan", "recipe": "nowhere.yaml"}, r"nowhere\.yaml"),
    ],
    ids=str,
)
def test_unknown_names_are_answered_with_the_closest(options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolve(**options)


BOMB = ["a0: &a0 [1, 1]", *(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)), "batch_size: *a11"]


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]",
        "set: 3",
        "{set: {}, sets: {}}",
        "a: [",
        "!!python/object/apply:os.system ['true']",
        "\x00",
        "set: &a {optimizer: *a}",
        "set:\n  " + "\n  ".join(BOMB),
        "set: " + "{a: " * 3000 + "1" + "}" * 3000,
        "set: {batch_size: " + "9" * 5000 + "}",
        "set: {batch_size: 2020-13-45}",
        "{set: {}, variant: [official]}",
        "{set: {}, variant: 3}",
        "{set: {? [1, 2] : 3}}",
    ],
    ids=lambda text: repr(text[:30]),
)
def test_files_that_are_no_recipes_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"bad\.yaml"):
        resolve("oa-gan", recipe=str(file))


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"baseline": "oa-gan"}, {"baseline": "oa-gan", "variant": "x", "recipe": "y", "settings": {"size": 1}}],
)
def test_documents_that_are_no_recipes_are_refused(document: object) -> None:
    with pytest.raises(UsageError, match="here"):
        restored(document, "here")


@pytest.mark.parametrize(
    ("epochs", "decay", "epoch", "rate"), [(20, 0, 20, 1.0), (20, 0, 33, 1.0), (4, 4, 4, 0.25), (4, 4, 9, 0.25)]
)
def test_rates(epochs: int, decay: int, epoch: int, rate: float) -> None:
    """Never negative, and in epochs that nobody planned as in the last."""
    settings = resolve("oa-gan", changes=[f"epochs={epochs}", f"decay_epochs={decay}"]).settings
    assert settings.rate(epoch) == pytest.approx(rate)


def test_a_recipe_is_a_value() -> None:
    assert resolve("oa-gan") == resolve("oa-gan")
    assert isinstance(resolve("oa-gan"), Recipe)


@pytest.mark.parametrize(("epoch", "rate"), [(1, 1.0), (100, 1.0), (101, 1.0), (102, 0.9), (110, 0.1), (999, 0.1)])
def test_oa_15_rates(epoch: int, rate: float) -> None:
    assert resolve("oa-gan").settings.rate(epoch) == pytest.approx(rate)


@given(epochs=st.integers(1, 300), decay=st.integers(0, 300), epoch=st.integers(1, 400))
@example(epochs=1, decay=1, epoch=1)
def test_rates_fall_and_stay_positive(epochs: int, decay: int, epoch: int) -> None:
    settings = replace(resolve("oa-gan").settings, epochs=epochs, decay_epochs=min(decay, epochs))
    assert 0 < settings.rate(epoch + 1) <= settings.rate(epoch) <= settings.rate(1) == 1


def test_a_file_may_be_named_by_anything_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("set: {epochs: 111}")
    assert resolve("oa-gan", recipe=str(tmp_path / "mine")).settings.epochs == 111


def test_a_name_longer_than_file_names_is_just_unknown() -> None:
    with pytest.raises(UsageError, match="has no recipe"):
        resolve("oa-gan", recipe="x" * 5000)


def test_aliases_are_welcome_where_they_are_few(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("set: {optimizer: {lr: &rate 0.5, d_lr: *rate}}")
    adam = resolve("oa-gan", recipe=str(tmp_path / "r.yaml")).settings.optimizer
    assert (adam.lr, adam.d_lr) == (0.5, 0.5)
