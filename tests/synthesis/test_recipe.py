from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from occbench.errors import UsageError
from occbench.synthesis import recipe
from occbench.synthesis.recipe import Recipe, load, pick, resolve


def made(**document: Any) -> Recipe:
    return resolve({"source": "sample", **document}, "r.yaml")


def test_defaults_are_filled_in() -> None:
    plain = made()
    assert (plain.per_image, plain.seed, plain.size, plain.crop, plain.landmarks) == (1, 0, 128, "aligned", None)
    assert list(plain.occluders) == ["mask"]
    assert plain.occluders["mask"].variants["surgical"] > 0
    assert plain.occluders["mask"].weight is None


def test_what_it_resolves_to_resolves_to_itself() -> None:
    first = made(occluders={"mask": {"weight": 2, "ranges": {"lift": [0, 1]}}, "noise": {"weight": 1}}, limit=7)
    again = resolve(yaml.safe_load(yaml.safe_dump(first.document())), "recipe.yaml")
    assert again == first
    assert again.fingerprint() == first.fingerprint()


def test_the_order_of_names_does_not_matter() -> None:
    assert made(occluders=["mask", "cup"]).fingerprint() == made(occluders="cup, mask").fingerprint()


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"size": 64}, {"limit": 5}, {"occluders": ["cup"]}, {"occluders": {"mask": {"ranges": {"lift": 0}}}}]
)
def test_every_setting_is_in_the_fingerprint(change: dict[str, Any]) -> None:
    assert made(**change).fingerprint() != made().fingerprint()


def test_the_code_schema_is_in_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = made().fingerprint()
    monkeypatch.setattr(recipe, "CODE_SCHEMA", recipe.CODE_SCHEMA + 1)
    assert made().fingerprint() != before


def test_without_weights_every_occluder_gets_its_pairs() -> None:
    both = made(occluders=["cup", "mask"], per_image=2)
    assert both.pairs_per_photograph == 4
    assert list(both.choices("x.jpg")) == [("cup", 0), ("cup", 1), ("mask", 0), ("mask", 1)]


def test_with_weights_each_pair_draws_its_occluder() -> None:
    mixed = made(occluders={"cup": {"weight": 1}, "mask": {"weight": 3}}, per_image=4)
    assert mixed.pairs_per_photograph == 4
    drawn = Counter(name for number in range(500) for name, _ in mixed.choices(f"{number}.jpg"))
    assert 0.7 < drawn["mask"] / 2000 < 0.8
    assert [index for _, index in mixed.choices("x.jpg")] == [0, 1, 2, 3]


def test_a_choice_depends_on_its_photograph_and_seed_only() -> None:
    mixed = {"occluders": {"cup": {"weight": 1}, "mask": {"weight": 1}}}
    few, many = made(**mixed, per_image=3), made(**mixed, per_image=30)
    assert list(few.choices("a")) == list(many.choices("a"))[:3]
    assert list(many.choices("a")) != list(made(**mixed, per_image=30, seed=1).choices("a"))


@given(st.dictionaries(st.text(min_size=1), st.floats(0, 1e6), min_size=1), st.floats(0, 1, exclude_max=True))
def test_nothing_of_weight_0_is_picked(weights: dict[str, float], position: float) -> None:
    if any(weights.values()):
        assert weights[pick(weights, position)] > 0


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"ocluders": ["mask"]}, "unknown key 'ocluders'.*Did you mean 'occluders'"),
        ({"occluders": ["maks"]}, "no 'maks' among the occluders.*Did you mean 'mask'"),
        ({"occluders": {"mask": {"weigth": 1}}}, "occluders.mask 'weigth'.*Did you mean 'weight'"),
        ({"occluders": {"mask": {"variants": ["surgcal"]}}}, "occluders.mask.variants 'surgcal'.*Did you mean 'surgical'"),
        ({"occluders": {"mask": {"ranges": {"lifft": 1}}}}, "occluders.mask.ranges 'lifft'.*Did you mean 'lift'"),
        ({"landmarks": "dlip"}, "'dlip'.*Did you mean 'dlib'"),
        ({"occluders": {"mask": {"ranges": {"lift": [2, 1]}}}}, "occluders.mask.ranges.lift is .low, high"),
        ({"occluders": {"mask": {"ranges": {"lift": [0, float("nan")]}}}}, "occluders.mask.ranges.lift is .low, high"),
        ({"occluders": {"mask": {"ranges": {"lift": [0, 1e9]}}}}, "occluders.mask.ranges.lift goes beyond"),
        ({"occluders": {"mask": {"variants": {"surgical": -1}}}}, "occluders.mask.variants.surgical is a weight"),
        ({"occluders": {"mask": {"variants": {"surgical": 0}}}}, "all weights in occluders.mask.variants are 0"),
        ({"occluders": {"mask": {"weight": 0}}}, "all weights in occluders are 0"),
        ({"occluders": {"mask": {"weight": 1}, "cup": {}}}, "occluders.cup has no weight"),
        ({"occluders": {"mask": 3}}, "occluders.mask is a mapping"),
        ({"occluders": {5: None}}, "occluders.5 is not the name"),
        ({"occluders": []}, "occluders is a list of names"),
        ({"occluders": ["mask", "mask"]}, "names something twice"),
        ({"per_image": 0}, "per_image is a whole number from 1"),
        ({"per_image": True}, "per_image is a whole number"),
        ({"per_image": 6000, "occluders": ["mask", "cup"]}, "12000 pairs per photograph"),
        ({"size": 10**400}, "size is a whole number"),
        ({"seed": -1}, "seed is a whole number from 0"),
        ({"seed": 1.5}, "seed is a whole number"),
        ({"limit": 0}, "limit is a whole number from 1"),
        ({"crop": "aligne"}, "crop is one of aligned, none"),
        ({"split": ["test"]}, "split is one of"),
        ({"cycle_variants": "yes"}, "cycle_variants is true or false"),
        ({"source": None}, "source is missing"),
    ],
)
def test_mistakes_are_named(document: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made(**document)


def test_an_error_names_the_file() -> None:
    with pytest.raises(UsageError, match=r"^r\.yaml: "):
        made(size="large")


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "my recipe.yaml"
    file.write_text("per_image: 3\nmade_from: {anything: 1}\n")
    assert load(str(file)) == {"per_image": 3}


@pytest.mark.parametrize("name", recipe.bundled())
def test_bundled_recipes_resolve(name: str) -> None:
    assert made(**load(name)).pairs_per_photograph >= 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1", "not a YAML file"),
        (b"\xff\xfe\x00", "not a YAML file"),
        (b"- mask", "a recipe is a mapping"),
        (b"a: !!python/object/apply:os.system [x]", "not a YAML file"),
        (b"[" * 5000, "not a YAML file"),
        (b"#" * (1 << 21), "hardly a recipe"),
    ],
)
def test_a_bad_file(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load(str(file))


def test_aliases_cannot_blow_up_a_message(tmp_path: Path) -> None:
    file = tmp_path / "laughs.yaml"
    lines = ["a0: &a0 [lol]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    file.write_text("\n".join([*lines, "landmarks: *a29"]))
    document = {"landmarks": load(str(file))["landmarks"]}
    with pytest.raises(UsageError, match="landmarks is a list of names") as caught:
        made(**document)
    assert len(str(caught.value)) < 1000


def test_no_such_recipe_lists_the_bundled_ones() -> None:
    with pytest.raises(UsageError, match="bundled recipes masks, mixed, sunglasses"):
        load("nothing")
