"""Cups: where they stand, what holds them, what shows through glass, the script that draws them, and golden pixels."""

import json
from collections.abc import Callable
from importlib import resources
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.assets.cups import draw as artist
from occbench.errors import Rejected
from occbench.occluders import Parameters, Scene
from occbench.occluders.cup import Cup
from occbench.occluders.layer import composite
from occbench.occluders.textures import load
from occbench.seeding import generator

PX_PER_MM = 36 / 63  # of the frontal scene
VARIANTS = list(Cup.variants)
every_variant = pytest.mark.parametrize("variant", VARIANTS)
every_texture = pytest.mark.parametrize("name", [*artist.STYLES, "handle"])
half_angles = st.floats(-0.41, 0.41)  # tangents of half the angle: 45 degrees

PLAIN: dict[str, Any] = {
    "style": "mug", "trim": [170, 44, 48], "main": [238, 238, 234], "second": [58, 34, 22], "wide": 1.0, "tall": 1.0, "tilt": 0.0,
    "lean": 0.0, "gap": 0.0, "lift": 0.0, "hand": False, "right": False, "grip": 0.5, "size": 1.0, "spin": 0.0,
    "skin": [200, 150, 126], "sleeve": [44, 46, 54],
}  # fmt: skip


def sampled(variant: str, scene: Scene, seed: int = 0, **fixed: float) -> Parameters:
    ranges = {**Cup.ranges, **{key: (value, value) for key, value in fixed.items()}}
    return Cup().sample(generator(seed, variant), variant, scene, ranges)


def alpha(parameters: Parameters, scene: Scene) -> npt.NDArray[np.uint8]:
    blank = np.zeros((scene.height, scene.width, 3), np.uint8)
    return composite(blank, Cup().render("", parameters, scene))[1]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(VARIANTS), half_angles, st.floats(-0.15, 0.15), st.floats(-0.12, 0.12), st.floats(0.6, 3.0), st.integers(0, 999)
)
def test_the_mouth_is_hidden(
    digest: ModuleType, variant: str, yaw: float, pitch: float, roll: float, size: float, seed: int
) -> None:
    """Its middle, give or take 2 % of the frame, for any similarity of the landmarks, a yaw within 45 degrees, and a nod."""
    side = round(128 * size)
    scene = digest.scene(digest.posed(yaw, pitch, roll, size=side), side, side, "any")
    mask = alpha(sampled(variant, scene, seed), scene)
    x, y = np.rint((scene.head.points[62] + scene.head.points[66]) / 2).astype(int)
    reach = round(0.02 * side)
    assert mask[y - reach : y + reach + 1, x - reach : x + reach + 1].max() >= 128


def test_an_upright_mug_has_its_size(frontal: Scene) -> None:
    """As wide as its profile says, and its rim at the upper lip."""
    mask = alpha({**PLAIN, "style": "tumbler"}, frontal)
    rows, columns = np.nonzero(mask >= 128)
    assert columns.max() - columns.min() + 1 == pytest.approx(82 * PX_PER_MM, abs=2)
    assert rows.min() == pytest.approx(48 + 65 * PX_PER_MM, abs=2)


@pytest.mark.parametrize("style", artist.STYLES)
def test_cups_have_real_sizes(style: str) -> None:
    profile = np.array(load("cups", style)[1]["profile"])
    assert 75 <= 2 * profile[:, 0].max() <= 95
    assert 90 <= profile[:, 1].max() <= 160
    assert profile[:, 1].min() == 0


def test_tilting_shows_the_foot(frontal: Scene) -> None:
    upright, tilted = (np.nonzero(alpha({**PLAIN, "tilt": tilt}, frontal) >= 128)[0] for tilt in (0.0, 0.9))
    assert tilted.min() < upright.min() - 20  # the rim's far side rises before the nose
    assert tilted.max() < 127  # and the foot comes up into the frame


@every_variant
def test_a_cup_whose_foot_can_be_seen_is_held(variant: str, frontal: Scene, digest: ModuleType) -> None:
    small = digest.scene(digest.posed(0.0, 0.0, 0.0) * 0.5 + np.array([130.0, 60.0]), 320, 400, "small")
    assert sampled(variant, small, hand=0.0)["hand"] is True
    assert sampled(variant, frontal, hand=0.0, tilt=0.0, tall=1.08)["hand"] is False


@every_variant
@pytest.mark.parametrize("where", ["frontal", "turned-left", "turned-right", "looking-up", "astronaut"])
def test_what_is_held_or_stands_leaves_the_frame(variant: str, where: str, scenes: dict[str, Scene]) -> None:
    """By its arm or by its foot: nothing floats."""
    for seed in range(5):
        mask = alpha(sampled(variant, scenes[where], seed), scenes[where])
        assert max(int(np.count_nonzero(edge >= 128)) for edge in (mask[-1], mask[:, 0], mask[:, -1])) >= 10


def test_the_handle_is_opposite_the_hand(frontal: Scene) -> None:
    """In the columns beyond the wall at one side there is the handle, at the other the hand."""
    bare = alpha(PLAIN, frontal)
    mirrored = alpha({**PLAIN, "right": True}, frontal)
    left, right = (np.count_nonzero(mask[:, columns] >= 128) for mask, columns in ((bare, np.s_[:38]), (bare, np.s_[91:])))
    assert (left > 100) != (right > 100)
    assert np.count_nonzero(np.abs(bare[:, 1:].astype(np.int32) - mirrored[:, :0:-1]) > 40) < 0.01 * bare.size
    held = alpha({**PLAIN, "hand": True}, frontal)
    assert np.count_nonzero(held[:, 91:] >= 128) > 100  # the handle at the right
    assert np.count_nonzero(held[:, :38] >= 128) > 400  # the hand at the left


def test_glass_is_seen_through_and_counts_as_occluded(frontal: Scene) -> None:
    parameters = {**PLAIN, "style": "glass-clear"}
    mask = alpha(parameters, frontal)[95:120, 50:79]
    assert mask.min() >= 140
    assert np.count_nonzero(mask < 200) > 0.5 * mask.size


@pytest.mark.parametrize("style", artist.STYLES)
def test_no_texture_is_thinner_than_140(style: str) -> None:
    assert load("cups", style)[0].rgba[..., 3].min() >= 140


def test_profiles_are_rejected(digest: ModuleType) -> None:
    scene = digest.scene(digest.posed(0.65, 0.0, 0.0), 128, 128, "profile")  # 66 degrees
    with pytest.raises(Rejected) as caught:
        sampled("mug", scene)
    assert caught.value.reason == "pose"


def test_a_cup_outside_the_frame_is_rejected(digest: ModuleType) -> None:
    scene = digest.scene(digest.posed(0.0, 0.0, 0.0, shift=(900.0, 0.0)), 128, 128, "outside")
    with pytest.raises(Rejected) as caught:
        Cup().render("mug", PLAIN, scene)
    assert caught.value.reason == "outside"


def test_a_style_that_is_none_is_refused(frontal: Scene) -> None:
    with pytest.raises(ValueError, match="no texture"):
        Cup().render("mug", {**PLAIN, "style": "../hands/fist"}, frontal)


@every_texture
def test_the_script_draws_what_is_there(name: str) -> None:
    """Again, to a level (exponentials differ between processors by less)."""
    texture, facts = artist.draw(name)
    kept, read = load("cups", name)
    assert json.loads(json.dumps(facts)) == read
    gap = np.abs(texture.astype(np.int32) - kept.rgba)
    assert np.count_nonzero(gap > 1) < 1e-4 * gap.size


def test_there_are_no_stray_textures() -> None:
    stems = {entry.name.removesuffix(".png") for entry in resources.files("occbench.assets.cups").iterdir() if ".png" in entry.name}
    assert stems == {*artist.STYLES, "handle"}


def test_every_style_is_drawn_by_some_seed(frontal: Scene) -> None:
    drawn = {sampled(variant, frontal, seed)["style"] for variant in VARIANTS for seed in range(60)}
    assert drawn == set(artist.STYLES)


GOLDEN = {
    "paper-sleeve": "b0f09beb7a490b7d",
    "mug-bands": "0e4bc5092fd74df1",
    "glass-filled": "5a05f03be28b8e13",
    "tumbler-steel": "043aded972bd5e3c",
}


@pytest.mark.parametrize("style", ["paper-sleeve", "mug-bands", "glass-filled", "tumbler-steel"])
def test_golden_pixels(style: str, scenes: dict[str, Scene], sha256: Callable[[npt.NDArray[np.uint8]], str]) -> None:
    """One style a variant, held, on a turned head."""
    parameters = {**PLAIN, "style": style, "hand": True, "tilt": 0.4, "lean": 0.05, "gap": 5.0, "lift": 3.0, "spin": 0.3}
    assert sha256(Cup().render("", parameters, scenes["turned-right"]).rgba) == GOLDEN[style]
