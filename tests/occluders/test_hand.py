"""Hands: where they lie, arms that leave the frame, skin, the script that draws them, and golden pixels."""

import json
from collections.abc import Callable
from importlib import resources
from types import ModuleType

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.assets.hands import draw as artist
from occbench.errors import Rejected
from occbench.occluders import Parameters, Scene
from occbench.occluders.hand import Hand
from occbench.occluders.layer import composite
from occbench.occluders.textures import load
from occbench.seeding import generator

VARIANTS = list(Hand.variants)
every_pose = pytest.mark.parametrize("pose", artist.POSES)
every_variant = pytest.mark.parametrize("variant", VARIANTS)
half_angles = st.floats(-0.41, 0.41)  # tangents of half the angle: 45 degrees


def sampled(variant: str, scene: Scene, seed: int = 0, **fixed: float) -> Parameters:
    ranges = {**Hand.ranges, **{key: (value, value) for key, value in fixed.items()}}
    return Hand().sample(generator(seed, variant), variant, scene, ranges)


def alpha(variant: str, parameters: Parameters, scene: Scene) -> npt.NDArray[np.uint8]:
    blank = np.zeros((scene.height, scene.width, 3), np.uint8)
    return composite(blank, Hand().render(variant, parameters, scene))[1]


def hidden_at_edges(mask: npt.NDArray[np.uint8]) -> int:
    return max(int(np.count_nonzero(edge >= 128)) for edge in (mask[-1], mask[:, 0], mask[:, -1]))


@every_variant
@pytest.mark.parametrize("where", ["frontal", "turned-left", "turned-right", "looking-up", "astronaut"])
def test_the_arm_leaves_the_crop(variant: str, where: str, scenes: dict[str, Scene]) -> None:
    for seed in range(5):
        mask = alpha(variant, sampled(variant, scenes[where], seed), scenes[where])
        assert hidden_at_edges(mask) >= 10  # px: an arm's width is about 30


@every_variant
def test_the_arm_leaves_a_whole_photograph(variant: str, digest: ModuleType) -> None:
    """A frame in which the face is small: the sleeve goes on."""
    points = digest.posed(0.1, 0.0, 0.0) * 0.5 + np.array([130.0, 60.0])
    scene = digest.scene(points, 320, 400, "small")
    assert hidden_at_edges(alpha(variant, sampled(variant, scene), scene)) >= 10


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["over-mouth", "fist", "on-lips"]), half_angles, st.floats(-0.12, 0.12), st.floats(0.6, 3.0), st.integers(0, 99)
)
def test_the_mouth_is_hidden(digest: ModuleType, variant: str, yaw: float, roll: float, size: float, seed: int) -> None:
    """For any similarity of the landmarks and a yaw within 45 degrees."""
    side = round(128 * size)
    scene = digest.scene(digest.posed(yaw, 0.0, roll, size=side), side, side, "any")
    mask = alpha(variant, sampled(variant, scene, seed), scene)
    x, y = np.rint((scene.head.points[62] + scene.head.points[66]) / 2).astype(int)
    assert mask[y, x] >= 128


@every_variant
def test_a_hand_at_the_right_mirrors_one_at_the_left(variant: str, frontal: Scene) -> None:
    parameters = sampled(variant, frontal)
    left, right = (alpha(variant, {**parameters, "right": right}, frontal) for right in (False, True))
    # The frame's middle column of the face is 64: column k answers to 128 - k.
    gap = np.abs(left[:, 1:].astype(np.int32) - right[:, :0:-1])
    assert np.count_nonzero(gap > 100) < 0.005 * gap.size  # edges move by a part of a pixel


@pytest.mark.parametrize(("where", "right"), [("turned-left", True), ("turned-right", False)])
def test_the_hand_is_at_the_near_side_of_a_turned_face(where: str, right: bool, scenes: dict[str, Scene]) -> None:
    assert {sampled("on-cheek", scenes[where], seed)["right"] for seed in range(6)} == {right}


def test_profiles_are_rejected(digest: ModuleType) -> None:
    scene = digest.scene(digest.posed(0.65, 0.0, 0.0), 128, 128, "profile")  # 66 degrees
    with pytest.raises(Rejected) as caught:
        sampled("fist", scene)
    assert caught.value.reason == "pose"


def test_a_hand_outside_the_frame_is_rejected(digest: ModuleType) -> None:
    scene = digest.scene(digest.posed(0.0, 0.0, 0.0, shift=(900.0, 0.0)), 128, 128, "outside")
    with pytest.raises(Rejected) as caught:
        Hand().render("fist", sampled("fist", scene), scene)
    assert caught.value.reason == "outside"


def test_skin_is_the_persons(frontal: Scene) -> None:
    scene = Scene(128, 128, frontal.head, frontal.noise, skin=(120, 80, 64))
    layer = Hand().render("fist", sampled("fist", scene), scene)
    flesh = np.median(layer.rgba[layer.rgba[..., 3] == 255][:, :3], axis=0)
    assert np.abs(flesh - scene.skin).max() < 24


def test_only_the_shadow_is_soft(frontal: Scene) -> None:
    """What is neither the hand nor its one or two pixels of edge stays below 128."""
    parameters = sampled("fist", frontal)
    mask = alpha("fist", parameters, frontal)
    inside = cv2.erode((mask >= 128).astype(np.uint8), np.ones((5, 5), np.uint8))
    around = cv2.dilate((mask >= 128).astype(np.uint8), np.ones((3, 3), np.uint8))
    assert (mask[inside > 0] >= 250).all()
    assert (mask[around == 0] < 128).all()
    assert mask[around == 0].max() > 30


@pytest.mark.parametrize("colour", [[1, 2], [1, 2, 300], [-1, 0, 0]])
def test_a_colour_that_is_none_is_refused(colour: list[int], frontal: Scene) -> None:
    with pytest.raises(ValueError, match="no colour"):
        Hand().render("fist", {**sampled("fist", frontal), "skin": colour}, frontal)


@every_pose
def test_the_script_draws_what_is_there(pose: str) -> None:
    """Again, to a level (exponentials differ between processors by less)."""
    texture, facts = artist.draw(pose)
    kept, read = load("hands", pose)
    assert json.loads(json.dumps(facts)) == read
    gap = np.abs(texture.astype(np.int32) - kept.rgba)
    assert np.count_nonzero(gap > 1) < 1e-4 * gap.size


@every_pose
def test_only_the_sleeve_touches_an_edge_of_the_texture(pose: str) -> None:
    """Edges are repeated for ever: the bottom one prolongs the arm, the others must be empty."""
    opacity = load("hands", pose)[0].rgba[..., 3]
    assert opacity[0].max() == opacity[:, 0].max() == opacity[:, -1].max() == 0
    assert np.count_nonzero(opacity[-1] == 255) > 60


def test_there_are_no_stray_textures() -> None:
    stems = {
        entry.name.removesuffix(".png") for entry in resources.files("occbench.assets.hands").iterdir() if ".png" in entry.name
    }
    assert stems == set(artist.POSES) >= set(VARIANTS)


GOLDEN = {
    "over-mouth": "21e5333a6af84ea7",
    "fist": "2eb0f40f42306d69",
    "on-lips": "dd895a028f6fbaa9",
    "under-chin": "1669ba1722ed260b",
    "on-cheek": "df10bfccd8847c52",
}


@every_variant
def test_golden_pixels(variant: str, frontal: Scene, sha256: Callable[[npt.NDArray[np.uint8]], str]) -> None:
    parameters = {"right": False, "size": 1.0, "turn": 0.1, "in": 2.0, "up": 1.0, "skin": [200, 150, 126], "sleeve": [44, 46, 54]}
    assert sha256(Hand().render(variant, parameters, frontal).rgba) == GOLDEN[variant]
