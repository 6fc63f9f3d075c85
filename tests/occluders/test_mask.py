"""Masks: what each wearing hides, where loops end, shadow, mirroring, parameters, the script that draws them, golden pixels."""

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

from occbench.assets.masks import draw as artist
from occbench.errors import Rejected
from occbench.landmarks.head import EAR_TOP, FittedHead
from occbench.occluders import Parameters, Scene, textures
from occbench.occluders.layer import Layer, composite
from occbench.occluders.mask import Mask
from occbench.seeding import generator

MASK = Mask()
STYLES = tuple(artist.STYLES)
WEARINGS = ("right", "below-nose", "chin")
SHADOW = (24, 14, 12)
FIXED: dict[str, Any] = {
    "style": "surgical-a", "wear": "right", "colour": [146, 192, 222], "second": [200, 60, 64], "trim": [240, 242, 244],
    "width": 1.01, "lift": -4.0, "puff": 1.0, "tilt": 0.01, "key": 0.2, "mirror": False,
}  # fmt: skip
GOLDEN = {  # worn right, below the nose, on the chin
    "surgical-a": ("1b0af6b5a807abc8", "8fff9ab660482825", "e6e0543c1e60fc5d"),
    "surgical-b": ("3b24c589e20cf3bd", "73c09aef1b40f376", "a729e9b49dafd4e8"),
    "folded": ("57c680e74f31408c", "162721c8a167deb9", "2ac6e6f8ee4fae48"),
    "panelled": ("88faadfe3cc04e88", "01479b35e61e06ac", "6eeecf8474ae5dbb"),
    "panelled-valve": ("a2bdfed3d76b110f", "fba665feeebd4e2a", "5af5c7787d7d4609"),
    "moulded": ("f4a38d6b295d8803", "e9785e07c005fb3b", "554865b851a319ab"),
    "cloth": ("f0f8a76b71f31bd7", "d807ade3ca8fcb07", "433f65ad751ca752"),
    "cloth-dots": ("955b9f58aeb80ee6", "b309284befbbd003", "3a03f679928206b5"),
    "cloth-stripes": ("a100dc1d91a1f0e5", "bea5c1b0b2f112fb", "e791e2b4210a02ac"),
    "cloth-plaid": ("abc637d9fc8403c9", "993c027ab5cee869", "b3eb93be088941e2"),
    "cloth-blossoms": ("53743e596a01ef29", "d9259cd8782810f0", "b7db4350c1816597"),
    "cloth-camouflage": ("28b586c9ef8d76e1", "45996bbca5fe5fa7", "30adbbc904c4df6e"),
    "cloth-heather": ("1669cc59a81d5636", "faa484f5f36d50cf", "e36a0472e56d8e6f"),
}
TIP, UPPER_LIP, LOWER_LIP = 30, 51, 57
INNER_LIPS, EYES = (62, 66), range(36, 48)

every_style = pytest.mark.parametrize("style", STYLES)
turned = pytest.mark.parametrize("yaw", [-0.45, -0.34, 0.34, 0.45])  # 48 and 38 degrees
every_variant = pytest.mark.parametrize("variant", MASK.variants)
styles = st.sampled_from(STYLES)


def drawn(where: Scene, /, **changes: Any) -> Layer:
    return MASK.render("", {**FIXED, **changes}, where)


def in_frame(layer: Layer, where: Scene) -> npt.NDArray[np.uint8]:
    """The layer's alpha in its frame."""
    return composite(np.zeros((where.height, where.width, 3), np.uint8), layer)[1]


def sampled(scene: Scene, variant: str = "surgical", seed: int = 0, **narrowed: tuple[float, float]) -> Parameters:
    return MASK.sample(generator(seed, variant), variant, scene, {**MASK.ranges, **narrowed})


def transformed(points: npt.NDArray[np.float64], size: float, turn: float, x: float, y: float) -> Scene:
    """Points of a frame of 128 px under a similarity (`turn` is the tangent of half the angle), in a frame that holds them."""
    c, s = size * (1 - turn * turn) / (1 + turn * turn), size * 2 * turn / (1 + turn * turn)
    px, py = (points - 64).T
    middle = 110 * size + 40
    placed = np.stack([c * px - s * py + middle + x, s * px + c * py + middle + y], axis=1)
    frame = round(2 * middle)
    return Scene(frame, frame, FittedHead(placed), lambda n: np.zeros(n, np.uint8))


def alpha_at(alpha: npt.NDArray[np.uint8], scene: Scene, *points: int) -> list[int]:
    at = np.rint(scene.head.points[list(points)]).astype(int)
    return [int(alpha[y, x]) for x, y in at]


def ear_root(head: FittedHead, side: int) -> npt.NDArray[np.float64]:
    """The pixel of the ear's root at the image's left (-1) or right (1) of a face that looks at the camera."""
    pixels, _ = head.place([[side * EAR_TOP[0], *EAR_TOP[1:]]])
    return pixels.reshape(2)


def near(alpha: npt.NDArray[np.uint8], point: npt.NDArray[np.float64], radius: float) -> int:
    """The largest alpha within `radius` px of a point."""
    ys, xs = np.mgrid[: alpha.shape[0], : alpha.shape[1]]
    return int(alpha[(xs - point[0]) ** 2 + (ys - point[1]) ** 2 <= radius * radius].max(initial=0))


similarity = {
    "size": st.floats(0.6, 3.0), "turn": st.floats(-0.4, 0.4), "x": st.floats(-20, 20), "y": st.floats(-20, 20),
}  # fmt: skip
fitting = {key: st.floats(*MASK.ranges[key]) for key in ("width", "lift", "puff", "tilt")}
half_yaw, half_pitch = st.floats(-0.414, 0.414), st.floats(-0.05, 0.05)


@every_style
def test_golden_pixels(frontal: Scene, sha256: Callable[[npt.NDArray[np.uint8]], str], style: str) -> None:
    assert tuple(sha256(drawn(frontal, style=style, wear=wear).rgba) for wear in WEARINGS) == GOLDEN[style]


@settings(max_examples=40, deadline=None)
@given(style=styles, yaw=half_yaw, pitch=half_pitch, fit=st.fixed_dictionaries(fitting), move=st.fixed_dictionaries(similarity))
def test_worn_right_it_hides_nose_and_mouth_but_no_eye(
    digest: ModuleType, style: str, yaw: float, pitch: float, fit: dict[str, float], move: dict[str, float]
) -> None:
    scene = transformed(digest.posed(yaw, pitch, 0.0), **move)
    alpha = in_frame(drawn(scene, style=style, **fit), scene)
    assert min(alpha_at(alpha, scene, TIP, UPPER_LIP, LOWER_LIP)) >= 128
    assert max(alpha_at(alpha, scene, *EYES)) < 128


@settings(max_examples=20, deadline=None)
@given(style=styles, yaw=half_yaw, fit=st.fixed_dictionaries(fitting), move=st.fixed_dictionaries(similarity))
def test_below_the_nose_leaves_its_tip_free(
    digest: ModuleType, style: str, yaw: float, fit: dict[str, float], move: dict[str, float]
) -> None:
    scene = transformed(digest.posed(yaw, 0.0, 0.0), **move)
    alpha = in_frame(drawn(scene, style=style, wear="below-nose", **fit), scene)
    assert alpha_at(alpha, scene, TIP)[0] < 128
    assert min(alpha_at(alpha, scene, UPPER_LIP, LOWER_LIP)) >= 128


@settings(max_examples=20, deadline=None)
@given(style=styles, yaw=half_yaw, fit=st.fixed_dictionaries(fitting), move=st.fixed_dictionaries(similarity))
def test_on_the_chin_leaves_the_mouth_free(
    digest: ModuleType, style: str, yaw: float, fit: dict[str, float], move: dict[str, float]
) -> None:
    scene = transformed(digest.posed(yaw, 0.0, 0.0), **move)
    alpha = in_frame(drawn(scene, style=style, wear="chin", **fit), scene)
    assert max(alpha_at(alpha, scene, TIP, *INNER_LIPS)) < 128
    assert alpha.max() == 255


@every_style
@pytest.mark.parametrize("wear", WEARINGS)
@pytest.mark.parametrize(("yaw", "sides"), [(0.0, (-1, 1)), (0.268, (-1,)), (-0.268, (1,))])
def test_loops_reach_the_ears_that_show(digest: ModuleType, style: str, wear: str, yaw: float, sides: tuple[int, ...]) -> None:
    scene = transformed(digest.posed(yaw, 0.0, 0.0), 2.0, 0.0, 0.0, 0.0)
    alpha = in_frame(drawn(scene, style=style, wear=wear, lift=0.0), scene)
    for side in sides:
        # Straight ahead loops are thin and seen from the edge, so not solid, but more than shadow.
        assert near(alpha, ear_root(scene.head, side), 16 * scene.head.pose.scale) >= (128 if yaw else 60)


@pytest.mark.parametrize("style", ["surgical-a", "surgical-b", "folded"])  # whose trim is the loops alone
@turned
def test_only_the_near_loops_show(digest: ModuleType, style: str, yaw: float) -> None:
    scene = transformed(digest.posed(yaw, 0.0, 0.0), 2.0, 0.0, 0.0, 0.0)
    layer = drawn(scene, style=style, trim=[255, 0, 0], colour=[0, 0, 255])
    colour, alpha = layer.rgba[..., :3].astype(int), layer.rgba[..., 3]
    loops = np.nonzero((alpha > 60) & (colour[..., 0] > colour[..., 2] + 60))[1] + layer.x
    assert len(loops) > 50
    bridge = scene.head.points[27, 0]
    assert loops.max() < bridge if yaw > 0 else loops.min() > bridge


@every_style
@turned
def test_nothing_shows_beyond_the_far_cheek(digest: ModuleType, style: str, yaw: float) -> None:
    scene = transformed(digest.posed(yaw, 0.0, 0.0), 2.0, 0.0, 0.0, 0.0)
    layer = drawn(scene, style=style)
    columns = np.nonzero((layer.rgba[..., 3] >= 128).any(axis=0))[0] + layer.x
    face = scene.head.points[:, 0]
    beyond = columns.max() - face.max() if yaw > 0 else face.min() - columns.min()
    assert beyond / scene.head.pose.scale < 20  # mm: beaks and cups stand off the nose by as much


@every_style
@pytest.mark.parametrize("wear", WEARINGS)
def test_the_shadow_is_soft(frontal: Scene, style: str, wear: str) -> None:
    rgba = drawn(frontal, style=style, wear=wear).rgba
    shadow = rgba[(rgba[..., :3] == SHADOW).all(axis=-1), 3]
    assert 10 < shadow.max() <= 127


def test_lift_and_width_mean_millimetres(frontal: Scene) -> None:
    def edges(**changes: float) -> tuple[int, int]:
        """The first solid row in the middle and the number of solid columns."""
        alpha = in_frame(drawn(frontal, tilt=0.0, **changes), frontal)
        return int(np.argmax(alpha[:, 64] >= 128)), int((alpha >= 128).any(axis=0).sum())

    scale = frontal.head.pose.scale
    assert edges(lift=-9.0)[0] - edges(lift=3.0)[0] == pytest.approx(12 * scale, abs=1.5)
    assert edges(width=1.1)[1] - edges(width=0.9)[1] == pytest.approx(0.2 * 2 * 74 * scale, abs=6)


def test_mirrored_it_is_the_flipped_picture(digest: ModuleType) -> None:
    where = digest.scene(digest.posed(0.0, 0.0, 0.0), 129, 129, "mirror")  # the face's middle is pixel 64, the frame's too
    blank = np.zeros((129, 129, 3), np.uint8)
    even = {"style": "panelled-valve", "tilt": 0.0}
    plain, lit, mirrored = (
        composite(blank, drawn(where, **even, key=key, mirror=mirror))[0].astype(int)
        for key, mirror in ((0.2, False), (-0.2, False), (0.2, True))
    )
    # Triangles are cut along one diagonal, so edges differ a little.
    assert np.abs(mirrored - plain).mean() > 3 * np.abs(mirrored - lit[:, ::-1]).mean()
    assert np.abs(mirrored - lit[:, ::-1]).mean() < 1.0


def test_light_from_the_right_brightens_the_right(frontal: Scene) -> None:
    def balance(key: float) -> float:
        image, alpha = composite(np.zeros((128, 128, 3), np.uint8), drawn(frontal, key=key))
        left, right = (image[:, part][alpha[:, part] > 200].mean() for part in (slice(0, 64), slice(65, 128)))
        return float(right - left)

    assert balance(0.35) > balance(0.0) + 5
    assert balance(-0.35) < balance(0.0) - 5


@every_variant
def test_parameters_survive_json_and_are_rounded(frontal: Scene, variant: str) -> None:
    for seed in range(4):
        parameters = sampled(frontal, variant, seed, wrong=(0.5, 0.5))
        again = json.loads(json.dumps(parameters))
        assert set(again) == set(FIXED)
        assert all(round(v, 4) == v for v in again.values() if isinstance(v, float))
        first, second = (MASK.render(variant, p, frontal) for p in (parameters, again))
        assert (first.rgba == second.rgba).all()
        assert (first.x, first.y) == (second.x, second.y)


@every_variant
def test_the_chance_of_wrong_wearing_is_obeyed(frontal: Scene, variant: str) -> None:
    for chance, expected in ((1.0, {"below-nose", "chin"}), (0.0, {"right"})):
        assert {sampled(frontal, variant, seed, wrong=(chance, chance))["wear"] for seed in range(30)} == expected


def test_every_style_is_sampled(frontal: Scene) -> None:
    assert {sampled(frontal, variant, seed)["style"] for variant in MASK.variants for seed in range(60)} == set(STYLES)


def test_ranges_are_obeyed(frontal: Scene) -> None:
    asked = {"width": 1.3, "lift": 3.0, "puff": 9.0, "tilt": 0.2, "key": -0.9}
    parameters = sampled(frontal, "surgical", 0, **{key: (value, value) for key, value in asked.items()})
    assert {key: parameters[key] for key in asked} == asked


@pytest.mark.parametrize(
    "change",
    [
        {"style": "balaclava"}, {"style": "../eyewear/wayfarer"}, {"style": None}, {"style": ["cloth"]},
        {"wear": "forehead"}, {"wear": ["right"]},
        {"colour": [1, 2]}, {"colour": [0, 0, 256]}, {"colour": [-1, 0, 0]}, {"colour": None}, {"trim": "red"},
        {"second": [[1], 2, 3]},
        {"width": "wide"}, {"lift": None}, {"tilt": [1, 2]}, {"key": "left"},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_values_are_refused(frontal: Scene, change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        drawn(frontal, **change)


@pytest.mark.parametrize("missing", FIXED)
def test_missing_parameters_are_refused(frontal: Scene, missing: str) -> None:
    with pytest.raises(KeyError):
        MASK.render("", {key: value for key, value in FIXED.items() if key != missing}, frontal)


@pytest.mark.parametrize("width", [float("nan"), 1e6, 0.0])
def test_a_mask_without_a_sensible_size_is_rejected(frontal: Scene, width: float) -> None:
    with pytest.raises(Rejected) as raised:
        drawn(frontal, width=width)
    assert raised.value.reason == "hidden"


@pytest.mark.parametrize("half_yaw", [-0.75, 0.75])  # 74 degrees
def test_profiles_are_rejected(digest: ModuleType, half_yaw: float) -> None:
    scene = digest.scene(digest.posed(half_yaw, 0.0, 0.0), 128, 128, "profile")
    with pytest.raises(Rejected) as raised:
        sampled(scene)
    assert raised.value.reason == "pose"


@pytest.mark.parametrize("style", ["moulded", "cloth-blossoms"])  # the rest would take long
def test_textures_are_what_the_script_draws(style: str) -> None:
    texture, facts = textures.load("masks", style)
    fresh, content = artist.draw(style)
    # Drawing, unlike rendering, may use all of mathematics, so another processor may round another way.
    assert np.abs(fresh.astype(int) - texture.rgba).max() <= 2
    assert json.loads(json.dumps(content)) == facts


def test_every_drawn_style_is_packaged() -> None:
    names = {entry.name for entry in resources.files("occbench.assets.masks").iterdir() if entry.name.endswith((".png", ".json"))}
    assert names == {f"{style}.{kind}" for style in STYLES for kind in ("png", "json")}
