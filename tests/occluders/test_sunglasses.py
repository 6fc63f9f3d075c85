"""Sunglasses: where they sit, which temple shows, how much lenses hide, and what their parameters mean."""

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.assets.eyewear.draw import main as redraw
from occbench.errors import Rejected
from occbench.landmarks.head import EAR_TOP, POINTS, FittedHead
from occbench.occluders import Scene, textures
from occbench.occluders.layer import Layer, composite
from occbench.occluders.sunglasses import Sunglasses, parts
from occbench.occluders.surface import draw
from occbench.seeding import generator

GLASSES = Sunglasses()
KINDS = ("opaque", "gradient", "mirrored", "tinted")  # with chances of their own; the rest is dark
WHITE = [255, 255, 255]
FIXED: dict[str, Any] = {
    "lens": "opaque", "tint": [12, 12, 14], "density": 255, "fade": 0, "coat": [WHITE, WHITE], "reflection": 0.1, "scene": "street",
    "scene_x": 0.01, "scene_y": 0.2, "colour": [60, 30, 20], "second": [130, 80, 40], "gloss": 0.6, "size": 1.0, "slip": 0.0,
    "shift": 0.0, "tilt": 0.0,
}  # fmt: skip
MIRRORED = {"coat": [[60, 110, 236], [70, 196, 236]], "reflection": 0.9}
GOLDEN = {
    "aviator": "5a19d92cc4e966b9",
    "wayfarer": "e7039f9abae27425",
    "oversized": "acc13e9de93fd9d5",
    "round": "fb5434790a171005",
    "round-bold": "a140bfa8e8e91784",
    "cat-eye": "94d7e04581b1debf",
    "square": "bc471c8794e50d3f",
    "browline": "c7e855fb5f2dc970",
    "wrap": "2e60ef430a9d8d0b",
    "rimless": "c1053efa2d7e5cb6",
}
variants = pytest.mark.parametrize("variant", GLASSES.variants)


def drawn(where: Scene, variant: str, /, **changes: Any) -> Layer:
    return GLASSES.render(variant, {**FIXED, **changes}, where)


def occluded(layer: Layer) -> npt.NDArray[np.uint8]:
    """The layer's alpha in a frame of 128 px."""
    return composite(np.zeros((128, 128, 3), np.uint8), layer)[1]


def sampled(scene: Scene, variant: str, seed: int, **ranges: tuple[float, float]) -> dict[str, Any]:
    return GLASSES.sample(generator(seed, variant), variant, scene, {**GLASSES.ranges, **ranges})


def lens_centre(layer: Layer, side: slice) -> tuple[float, float]:
    """Centre of gravity of the lens pixels (blue, where the frame is red) in these columns."""
    colour, alpha = layer.rgba[..., :3].astype(int), layer.rgba[..., 3]
    ys, xs = np.nonzero((alpha > 200) & (colour[..., 2] > colour[..., 0] + 60))
    keep = (xs + layer.x >= side.start) & (xs + layer.x < side.stop)
    return float(xs[keep].mean()) + layer.x, float(ys[keep].mean()) + layer.y


@variants
def test_golden_pixels(frontal: Scene, sha256: Callable[[npt.NDArray[np.uint8]], str], variant: str) -> None:
    assert sha256(drawn(frontal, variant, **MIRRORED).rgba) == GOLDEN[variant]


@pytest.mark.parametrize("lens", ["opaque", "dark", "gradient", "mirrored", "tinted"])
def test_every_lens_can_be_asked_for(frontal: Scene, lens: str) -> None:
    chances = {kind: (float(kind == lens),) * 2 for kind in KINDS}
    assert {sampled(frontal, "wayfarer", seed, **chances)["lens"] for seed in range(20)} == {lens}


@variants
def test_lenses_lie_before_the_eyes(frontal: Scene, variant: str) -> None:
    layer = drawn(frontal, variant, colour=[200, 0, 0], second=[200, 0, 0], tint=[0, 0, 250], reflection=0.0)
    for side, eye in ((slice(0, 64), 46), (slice(65, 128), 82)):
        x, y = lens_centre(layer, side)
        assert abs(x - eye) < 4  # the lenses of sports glasses reach far out
        assert 48 <= y < 53  # pupils lie in the upper half of a lens


@settings(max_examples=25, deadline=None)
@given(
    size=st.floats(0.5, 4.0),
    turn=st.floats(-0.4, 0.4),
    x=st.floats(-40, 40),
    y=st.floats(-40, 40),
    variant=st.sampled_from(sorted(set(GLASSES.variants) - {"wrap"})),
)
def test_glasses_follow_every_similarity(size: float, turn: float, x: float, y: float, variant: str) -> None:
    c, s = size * (1 - turn * turn) / (1 + turn * turn), size * 2 * turn / (1 + turn * turn)
    px, py = POINTS[:, 0], POINTS[:, 1]
    points = np.stack([c * px - s * py + 300 + x, s * px + c * py + 300 + y], axis=1)
    layer = drawn(Scene(600, 600, FittedHead(points), lambda n: np.zeros(n, np.uint8)), variant, tint=[0, 0, 250], reflection=0.0)
    colour, alpha = layer.rgba[..., :3].astype(int), layer.rgba[..., 3]
    ys, xs = np.nonzero((alpha > 200) & (colour[..., 2] > 150))
    # Both lenses together are centred under the middle between the eyes, 2 to 8 mm below it.
    dx, dy = xs.mean() + layer.x - (300 + x), ys.mean() + layer.y - (300 + y)
    across, down = (c * dx + s * dy) / size**2, (c * dy - s * dx) / size**2
    assert abs(across) < 1.0
    assert 1.0 < down < 8.0


@variants
@pytest.mark.parametrize("half_yaw", [-0.268, 0.268])  # 30 degrees
def test_only_the_near_temple_shows(digest: ModuleType, variant: str, half_yaw: float) -> None:
    head = FittedHead(digest.posed(half_yaw, 0.0, 0.0))
    right, left, _ = (draw([part], head) for part in parts(variant, FIXED))
    # A face turned towards the image's right shows the temple at the image's left.
    near, far, side = (left, right, -1) if head.pose.yaw > 0 else (right, left, 1)
    assert far is None
    assert near is not None
    xs = np.nonzero(near.rgba[..., 3].any(axis=0))[0] + near.x
    ear = head.place([[side * EAR_TOP[0], *EAR_TOP[1:]]])[0][0, 0]
    assert abs((xs.min() if side < 0 else xs.max()) - ear) < 3


@variants
def test_both_temples_end_at_the_ears(variant: str) -> None:
    right, left, _ = (part.grid for part in parts(variant, {**FIXED, "size": 1.1, "slip": 6.0, "shift": 3.0, "tilt": 0.05}))
    for end, side in ((right[:, -1], 1), (left[:, 0], -1)):
        assert np.abs(end.mean(axis=0) - (side * EAR_TOP[0], EAR_TOP[1], EAR_TOP[2])).max() < 4


@variants
def test_fronts_rest_on_the_bridge_of_the_nose(variant: str) -> None:
    bridge = parts(variant, FIXED)[2].grid[:, 6]
    y, z = bridge[:, 1], bridge[:, 2]
    nose = np.interp(y, POINTS[27:30, 1], POINTS[27:30, 2])
    assert (bridge[:, 0] == 0).all()
    assert (np.abs(z - nose)[(y > -10) & (y < 15)] < 6).all()


@variants
def test_opaque_lenses_hide_everything_and_tinted_ones_let_through(frontal: Scene, variant: str) -> None:
    for lens, least, most in (("opaque", 255, 255), ("gradient", 150, 245), ("dark", 220, 250), ("tinted", 140, 190)):
        parameters = sampled(frontal, variant, 3, **{kind: (float(kind == lens),) * 2 for kind in KINDS}, size=(1.0, 1.0))
        mask = occluded(GLASSES.render(variant, parameters, frontal))
        pupils = [mask[50, 46], mask[50, 82]]
        assert parameters["lens"] == lens
        assert all(least <= alpha <= most for alpha in pupils)


@pytest.mark.parametrize("lens", ["gradient", "dark", "tinted"])
def test_every_lens_counts_as_occluded(frontal: Scene, lens: str) -> None:
    for seed in range(30):
        chances = {kind: (float(kind == lens),) * 2 for kind in KINDS}
        parameters = sampled(frontal, "aviator", seed, **chances)
        assert parameters["density"] - parameters["fade"] >= 140


def test_gradients_clear_towards_the_bottom(frontal: Scene) -> None:
    mask = occluded(drawn(frontal, "aviator", density=240, fade=80))
    assert mask[42, 82] > mask[52, 82] > mask[60, 82] >= 160


def test_frames_hide_everything(frontal: Scene) -> None:
    mask = occluded(drawn(frontal, "wayfarer", density=150, fade=0))
    assert mask[43:46, 64].max() == 255  # the bridge
    assert 150 <= mask[50, 82] <= 175  # a little more than the lens's own, for the frame shades the skin behind it


@variants
def test_the_shadow_is_soft_and_below(frontal: Scene, variant: str) -> None:
    mask = occluded(drawn(frontal, variant))
    column = mask[:, 83]
    solid = np.nonzero(column >= 128)[0]
    below, above = column[solid[-1] + 2 :], column[: solid[0] - 1]
    assert 0 < below.max() <= 127
    assert below.astype(int).sum() > 2 * above.astype(int).sum()


@variants
def test_mouth_and_chin_stay_clean(frontal: Scene, variant: str) -> None:
    mask = occluded(drawn(frontal, variant, size=1.08, slip=4.0))
    assert not mask[84:].any()


def test_mirrors_show_their_coating_and_scene(frontal: Scene) -> None:
    def lens(**changes: Any) -> npt.NDArray[np.int64]:
        image, _ = composite(np.zeros((128, 128, 3), np.uint8), drawn(frontal, "aviator", **changes))
        return image[44:56, 76:88].astype(np.int64)

    blue = lens(**MIRRORED)
    assert blue[..., 2].mean() > 2 * blue[..., 0].mean()
    assert blue.mean() > 4 * lens(reflection=0.0).mean()
    assert np.abs(blue - lens(**MIRRORED, scene_y=0.1)).mean() > 2
    assert np.abs(blue - lens(**{**MIRRORED, "scene": "window"})).mean() > 5


def test_metal_frames_are_plain_and_some_plastic_is_tortoise_shell(frontal: Scene) -> None:
    looks = {v: [sampled(frontal, v, seed) for seed in range(60)] for v in ("aviator", "wayfarer")}
    assert all(look["colour"] == look["second"] for look in looks["aviator"])
    assert 5 < sum(look["colour"] != look["second"] for look in looks["wayfarer"]) < 55


def test_parameters_survive_json_and_are_rounded(frontal: Scene) -> None:
    for variant in GLASSES.variants:
        parameters = sampled(frontal, variant, 7)
        again = json.loads(json.dumps(parameters))
        assert all(round(v, 4) == v for v in again.values() if isinstance(v, float))
        first, second = (GLASSES.render(variant, p, frontal) for p in (parameters, again))
        assert (first.rgba == second.rgba).all()
        assert (first.x, first.y) == (second.x, second.y)


def test_ranges_are_obeyed(frontal: Scene) -> None:
    ranges = {"size": (1.3, 1.3), "slip": (9.0, 9.0), "tilt": (0.2, 0.2)}
    parameters = sampled(frontal, "round", 1, **ranges)
    assert {key: parameters[key] for key in ranges} == {"size": 1.3, "slip": 9.0, "tilt": 0.2}


def test_profiles_are_rejected(digest: ModuleType) -> None:
    scene = digest.scene(digest.posed(0.75, 0.0, 0.0), 128, 128, "profile")
    with pytest.raises(Rejected) as raised:
        sampled(scene, "aviator", 0)
    assert raised.value.reason == "pose"


def test_textures_are_what_the_script_draws(tmp_path: Path) -> None:
    redraw(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(
        p.name for p in resources.files("occbench.assets.eyewear").iterdir() if p.name.endswith((".png", ".json"))
    )
    for path in tmp_path.glob("*.png"):
        texture, facts = textures.load("eyewear", path.stem)
        fresh = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
        # Drawing, unlike rendering, may use all of mathematics, so another processor may round another way.
        assert np.abs(fresh.astype(int) - texture.rgba).max() <= 2
        assert json.loads(path.with_suffix(".json").read_text()) == facts
