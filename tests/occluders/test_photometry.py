"""Photometry: what is measured follows the photograph, what is stored is checked, and what is matched is exact."""

import json
import math
from collections.abc import Callable
from itertools import pairwise
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.occluders import Scene
from occbench.occluders.layer import Layer
from occbench.occluders.photometry import GAUSSIAN, Photometry, match, measure
from occbench.seeding import generator

Pixels = npt.NDArray[np.uint8]
Measure = Callable[[npt.NDArray[Any]], Photometry]
PLAIN = Photometry((1.0, 1.0, 1.0), 0.0, 0.0, 0.0, (180, 140, 120))

photometries = st.builds(
    Photometry,
    gain=st.tuples(*[st.floats(0, 4)] * 3),
    side=st.floats(-0.5, 0.5),
    blur=st.floats(0, 3),
    grain=st.floats(0, 12),
    skin=st.tuples(*[st.integers(0, 255)] * 3),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def look(digest: ModuleType) -> Measure:
    """Measures a photograph that has the astronaut's landmarks."""
    points = np.array(digest.ASTRONAUT, dtype=np.float64)
    return lambda image: measure(np.clip(np.rint(image), 0, 255).astype(np.uint8), points)


def photometry(**changes: Any) -> Photometry:
    return Photometry.from_json({**PLAIN.to_json(), **changes})


def flat(colour: tuple[int, int, int], alpha: int = 255, size: int = 40, x: int = 44, y: int = 50) -> Layer:
    return Layer(np.full((size, size, 4), (*colour, alpha), np.uint8), x, y)


def matched(layer: Layer, scene: Scene, **changes: Any) -> Layer:
    return match(layer, photometry(**changes), scene.head, scene.noise)


def test_gains_follow_the_exposure(astronaut: Pixels, look: Measure) -> None:
    gains = [sum(look(astronaut * exposure).gain) for exposure in (1.0, 0.85, 0.7, 0.55, 0.4)]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 1.4 * gains[-1]


def test_gains_follow_the_colour_cast(astronaut: Pixels, look: Measure) -> None:
    neutral, warm, cold = (look(astronaut * np.array(cast)).gain for cast in ((1, 1, 1), (1, 0.9, 0.7), (0.7, 0.9, 1)))
    assert warm[0] / warm[2] > neutral[0] / neutral[2] > cold[0] / cold[2]


@pytest.mark.parametrize("sign", [-1, 1])
def test_side_light_has_the_sign_of_the_brighter_side(astronaut: Pixels, look: Measure, sign: int) -> None:
    across = np.clip((np.arange(512) - 225) / 45, -1, 1)  # the face's middle and half its width
    lit = astronaut * (0.7 + 0.3 * sign * across)[None, :, None]
    assert sign * (look(lit).side - look(astronaut * 0.7).side) > 0.05
    assert sign * look(lit).side > 0


def test_blur_grows_with_the_photographs_blur(astronaut: Pixels, look: Measure) -> None:
    blurs = [look(cv2.GaussianBlur(astronaut, (0, 0), sigma)).blur for sigma in (0.6, 1.2, 1.8, 2.4)]
    assert all(before < after for before, after in pairwise(blurs))
    assert look(astronaut).blur < blurs[1]


def test_grain_grows_with_the_photographs_noise(astronaut: Pixels, look: Measure) -> None:
    noise = generator(0, "grain").standard_normal(astronaut.shape[:2])[..., None]  # the same in every channel, as luma sees it
    grains = [look(astronaut * 0.8 + 10 + strength * noise).grain for strength in (0, 3, 6, 9)]
    assert all(before < after for before, after in pairwise(grains))
    assert grains[3] == pytest.approx(9, abs=1.5)


@pytest.mark.parametrize("image", [np.zeros((512, 512, 3)), np.full((512, 512, 3), 255), np.full((512, 512, 3), (255, 0, 0))])
def test_what_is_measured_can_be_stored(look: Measure, image: npt.NDArray[Any]) -> None:
    found = look(image)
    assert Photometry.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_face_outside_the_frame_is_measured_from_the_frame(astronaut: Pixels, digest: ModuleType) -> None:
    found = measure(astronaut, np.array(digest.ASTRONAUT, dtype=np.float64) + 2000)
    assert Photometry.from_json(found.to_json()) == found


@settings(max_examples=50, deadline=None)
@given(photometries)
def test_stored_and_read_again_it_is_the_same(value: Photometry) -> None:
    assert Photometry.from_json(json.loads(json.dumps(value.to_json()))) == value


@pytest.mark.parametrize(
    "change",
    [
        {"gain": [1, 1]}, {"gain": [1, 1, 4.01]}, {"gain": [-0.01, 1, 1]}, {"gain": [math.nan, 1, 1]}, {"gain": [1, 1, 10**400]},
        {"skin": [1, 2]}, {"skin": [0, 0, 256]}, {"skin": [0, -1, 0]}, {"skin": 7}, {"side": 0.51}, {"side": -0.51},
        {"side": math.nan}, {"side": None}, {"blur": -0.1}, {"blur": 3.1}, {"blur": math.inf}, {"blur": []}, {"grain": -1},
        {"grain": 12.1}, {"grain": "much"}, {"grain": 10**400},
    ],
    ids=lambda change: str(change)[:24],
)  # fmt: skip
def test_values_out_of_range_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"photometry|could not convert"):
        photometry(**change)


@pytest.mark.parametrize("missing", PLAIN.to_json())
def test_missing_fields_are_refused(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        Photometry.from_json({key: value for key, value in PLAIN.to_json().items() if key != missing})


@settings(max_examples=60, deadline=None)
@given(anything | st.dictionaries(st.sampled_from(sorted(PLAIN.to_json())), anything), st.booleans())
def test_garbage_is_refused_or_means_something_in_range(value: Any, complete: bool) -> None:
    if complete and isinstance(value, dict):
        value = {**PLAIN.to_json(), **value}
    try:
        found = Photometry.from_json(value)
    except ValueError:
        return
    assert Photometry.from_json(found.to_json()) == found


def test_neutral_skin_becomes_the_photographs(frontal: Scene) -> None:
    value = photometry(gain=[0.8, 0.7, 0.6], skin=[180, 140, 120])
    lit = match(flat(value.neutral_skin), value, frontal.head, frontal.noise).rgba[0, 0, :3]
    assert np.abs(lit.astype(int) - value.skin).max() <= 1


def test_a_flat_layer_becomes_these_integers(frontal: Scene) -> None:
    lit = matched(flat((100, 101, 200), 77), frontal, gain=[0.5, 1.0, 2.0])
    assert (lit.x, lit.y) == (44, 50)
    assert (lit.rgba == (50, 101, 255, 77)).all()
    half_up = matched(flat((1, 3, 5)), frontal, gain=[0.5, 0.5, 0.5])
    assert (half_up.rgba[..., :3] == (1, 2, 3)).all()


def test_side_light_falls_across_the_face(frontal: Scene) -> None:
    row = matched(flat((100, 100, 100), size=128, x=0, y=0), frontal, side=0.2).rgba[64, :, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert (row[0], row[64], row[127]) == (80, 100, 120)  # the head's origin is at x = 64


@pytest.mark.parametrize("grain", [0.0, 9.0])
def test_without_blur_alpha_stays(frontal: Scene, grain: float) -> None:
    layer = flat((90, 120, 200))
    layer.rgba[..., 3] = np.arange(1600).reshape(40, 40) % 256
    layer.rgba[:10, :, 3] = 0
    lit = matched(layer, frontal, gain=[0.7, 0.8, 0.9], side=0.3, grain=grain)
    assert (lit.rgba[..., 3] == layer.rgba[..., 3]).all()


@pytest.mark.parametrize("blur", [0.05, 0.5, 1.0, 2.35, 3.0])
def test_blur_enlarges_by_three_sigma(frontal: Scene, blur: float) -> None:
    layer, pad = flat((90, 120, 200)), math.ceil(3 * blur)
    lit = matched(layer, frontal, blur=blur)
    assert lit.rgba.shape == (40 + 2 * pad, 40 + 2 * pad, 4)
    assert (lit.x, lit.y) == (layer.x - pad, layer.y - pad)


def test_blur_softens_edges_and_keeps_the_colour(frontal: Scene) -> None:
    lit = matched(flat((90, 120, 200)), frontal, blur=2.0).rgba.astype(int)
    row = lit[26, :, 3]
    assert ((row > 10) & (row < 245)).sum() >= 8
    assert row[26] == 255
    seen = lit[26, row >= 64, :3]  # where little shows, eight bits keep little of the colour
    assert np.abs(seen - (90, 120, 200)).max() <= 2


def test_matching_leaves_the_layer_alone_and_repeats(frontal: Scene) -> None:
    layer, changes = flat((90, 120, 200), 200), {"gain": [0.8, 0.7, 0.6], "side": 0.2, "blur": 0.8, "grain": 4.0}
    first, second = (matched(layer, frontal, **changes) for _ in range(2))
    assert first.rgba.tobytes() == second.rgba.tobytes()
    assert (layer.rgba == (90, 120, 200, 200)).all()


def test_grain_has_no_mean_and_the_asked_deviation(frontal: Scene) -> None:
    lit = matched(flat((128, 128, 128), size=200), frontal, grain=8.0).rgba[..., :3].astype(float)
    assert lit.mean() == pytest.approx(128, abs=0.2)
    assert lit.std() == pytest.approx(8, abs=0.2)
    assert (lit[..., 0] == lit[..., 2]).all()  # brightness only


def test_the_table_of_quantiles_is_whole_and_symmetrical() -> None:
    assert (np.rint(GAUSSIAN) == GAUSSIAN).all()
    assert (-GAUSSIAN[::-1] == GAUSSIAN).all()
    assert (np.diff(GAUSSIAN) >= 0).all()
    assert GAUSSIAN.std() == pytest.approx(64, rel=0.02)
