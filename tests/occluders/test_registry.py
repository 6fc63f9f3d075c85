"""What holds for every occluder and every variant, built in or not: the protocol, and the promises of the manifest."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from occbench.errors import Rejected, UsageError
from occbench.occluders import OCCLUDERS, Occluder, Scene, create
from occbench.occluders.layer import Layer, composite
from occbench.seeding import generator

SCENES = ("frontal", "turned-left", "turned-right", "looking-up", "astronaut")
EVERY = [(name, variant) for name in OCCLUDERS for variant in create(name).variants]
every_variant = pytest.mark.parametrize(("name", "variant"), EVERY, ids=[f"{name}:{variant}" for name, variant in EVERY])
every_occluder = pytest.mark.parametrize("name", OCCLUDERS)


def sampled(name: str, variant: str, scene: Scene, seed: int = 0, ranges: Any = None) -> dict[str, Any]:
    """Parameters as a manifest would give them back."""
    occluder = create(name)
    drawn = occluder.sample(generator(seed, name, variant), variant, scene, ranges or occluder.ranges)
    parameters: dict[str, Any] = json.loads(json.dumps(drawn))
    return parameters


def drawn_everywhere(name: str, variant: str, scenes: dict[str, Scene]) -> Iterator[tuple[Scene, dict[str, Any], Layer]]:
    """In each scene that this occluder accepts."""
    for where in SCENES:
        scene = scenes[where]
        try:
            parameters = sampled(name, variant, scene)
            layer = create(name).render(variant, parameters, scene)
        except Rejected:
            if where in ("frontal", "astronaut"):
                raise
        else:
            yield scene, parameters, layer


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from numbers(entry)
    elif isinstance(value, float):
        yield value


@every_occluder
def test_protocol(name: str) -> None:
    occluder = create(name)
    assert occluder.name == name
    assert isinstance(occluder.photometric, bool)
    assert occluder.variants
    assert all(variant and weight > 0 for variant, weight in occluder.variants.items())
    assert all(low <= high for low, high in occluder.ranges.values())


def test_unknown_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(UsageError, match=r"choose from mask, .*Did you mean 'black-box'"):
        create("blackbox")


@every_variant
def test_parameters_are_rounded_to_4_decimals(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    for _, parameters, _ in drawn_everywhere(name, variant, scenes):
        assert all(number == round(number, 4) for number in numbers(parameters))


@every_variant
def test_json_is_enough_to_render(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    """What was drawn and what comes back from a manifest give the same layer."""
    occluder, scene = create(name), scenes["frontal"]
    drawn = occluder.sample(generator(0, name, variant), variant, scene, occluder.ranges)
    fresh, read = (occluder.render(variant, p, scene) for p in (drawn, json.loads(json.dumps(drawn))))
    assert (fresh.x, fresh.y) == (read.x, read.y)
    assert np.array_equal(fresh.rgba, read.rgba)


@every_variant
def test_rendering_again_gives_the_same(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    """Also from another instance, and though parameters are shared: rendering changes nothing."""
    for scene, parameters, layer in drawn_everywhere(name, variant, scenes):
        before = json.dumps(parameters)
        again = create(name).render(variant, parameters, scene)
        assert json.dumps(parameters) == before
        assert (again.x, again.y) == (layer.x, layer.y)
        assert np.array_equal(again.rgba, layer.rgba)


@every_variant
def test_layers_are_rgba_and_of_bounded_size(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    for scene, _, layer in drawn_everywhere(name, variant, scenes):
        assert layer.rgba.dtype == np.uint8
        assert layer.rgba.ndim == 3
        assert layer.rgba.shape[2] == 4
        assert max(layer.rgba.shape[:2]) <= 4 * max(scene.width, scene.height)


@every_variant
def test_something_is_hidden_and_something_is_not(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    for scene, _, layer in drawn_everywhere(name, variant, scenes):
        _, mask = composite(np.zeros((scene.height, scene.width, 3), np.uint8), layer)
        hidden = np.count_nonzero(mask >= 128) / mask.size
        assert 0.002 < hidden < 0.8
        assert (mask == 0).any()


@every_variant
def test_it_lies_on_the_face(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    for scene, _, layer in drawn_everywhere(name, variant, scenes):
        _, mask = composite(np.zeros((scene.height, scene.width, 3), np.uint8), layer)
        rows, columns = np.nonzero(mask >= 128)
        left, top = scene.head.points.min(axis=0)
        right, bottom = scene.head.points.max(axis=0)
        assert ((rows > top) & (rows < bottom) & (columns > left) & (columns < right)).any()


@every_variant
def test_parameters_do_not_depend_on_what_was_drawn_before(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    alone = sampled(name, variant, scenes["frontal"])
    for other in create(name).variants:
        sampled(name, other, scenes["astronaut"], seed=5)
    assert sampled(name, variant, scenes["frontal"]) == alone


@every_variant
def test_seeds_matter(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    drawn = {json.dumps(sampled(name, variant, scenes["frontal"], seed)) for seed in range(8)}
    assert len(drawn) > 1


@every_variant
def test_ranges_are_respected(name: str, variant: str, scenes: dict[str, Scene]) -> None:
    """A parameter that is stored under the name of its range lies inside it; with the range shut, it is that number."""
    occluder: Occluder = create(name)
    for seed in range(10):
        parameters = sampled(name, variant, scenes["frontal"], seed)
        for key, (low, high) in occluder.ranges.items():
            if type(parameters.get(key)) in (int, float):
                assert low - 5e-5 <= parameters[key] <= high + 5e-5
    shut = {key: ((low + high) / 2,) * 2 for key, (low, high) in occluder.ranges.items()}
    parameters = sampled(name, variant, scenes["frontal"], ranges=shut)
    for key, (middle, _) in shut.items():
        if isinstance(parameters.get(key), float):
            assert parameters[key] == round(middle, 4)


# What is not worn (boxes, shapes, noise) stores pixels of the frame.
WORN = [(name, variant) for name, variant in EVERY if create(name).photometric]


@pytest.mark.parametrize(("name", "variant"), WORN, ids=[f"{name}:{variant}" for name, variant in WORN])
def test_what_is_worn_moves_with_the_head(name: str, variant: str, scenes: dict[str, Scene], digest: ModuleType) -> None:
    """Not to the last bit: an arm that leaves the frame is cut by it elsewhere."""
    still, occluder = scenes["frontal"], create(name)
    moved = digest.scene(still.head.points + np.array([5.0, -3.0]), still.width, still.height, "moved")
    parameters = sampled(name, variant, still)
    blank = np.zeros((still.height, still.width, 3), np.uint8)
    before, after = (composite(blank, occluder.render(variant, parameters, scene)) for scene in (still, moved))
    for first, second in zip(before, after, strict=True):
        gap = np.abs(first[16:-16, 16:-16].astype(np.int32) - second[13:-19, 21:-11])
        assert np.count_nonzero(gap > 16) < 0.01 * gap.size
