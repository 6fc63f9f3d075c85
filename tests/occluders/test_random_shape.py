"""Random shapes: what lines become, and what fills them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import Rejected
from occbench.landmarks.head import FittedHead
from occbench.occluders import Scene, region
from occbench.occluders.layer import Layer, composite
from occbench.occluders.random_shape import RandomShape
from occbench.seeding import generator

SHAPE = RandomShape()
LOOK = {"pattern": "plain", "colours": [[200, 40, 10], [20, 60, 250]], "wavelength": 12.0, "along": [0.6, 0.8]}
SQUARE = [[[40, 40], [79, 40], [79, 79], [40, 79]]]
FIXED: dict[str, dict[str, Any]] = {
    "strokes": {**LOOK, "lines": [[[30, 30], [80, 50], [40, 90]], [[90, 90], [60, 60]]], "diameter": 14.5, "pattern": "stripes"},
    "scribble": {**LOOK, "lines": [[[30, 30], [80, 50], [40, 90], [90, 95]]], "diameter": 4.0, "pattern": "fade"},
    "polygon": {**LOOK, "lines": SQUARE, "diameter": 0.0, "pattern": "checks"},
    "blob": {**LOOK, "lines": SQUARE, "diameter": 0.0, "pattern": "dots"},
}
GOLDEN = {
    "strokes": "b8247795b351e465",
    "scribble": "c1e33d8161a6ac98",
    "polygon": "a5d20471d19a37b6",
    "blob": "33d707336067d91e",
}


def drawn(scene: Scene, variant: str, **changes: Any) -> Layer:
    return SHAPE.render(variant, {**FIXED[variant], **changes}, scene)


def area(layer: Layer) -> float:
    return float(layer.rgba[..., 3].sum()) / 255


def sampled(scene: Scene, variant: str, seed: int) -> dict[str, Any]:
    return SHAPE.sample(generator(seed, variant), variant, scene, SHAPE.ranges)


@pytest.mark.parametrize("variant", SHAPE.variants)
def test_golden_pixels(frontal: Scene, sha256: Callable[[npt.NDArray[np.uint8]], str], variant: str) -> None:
    assert sha256(drawn(frontal, variant).rgba) == GOLDEN[variant]


def test_polygons_have_the_area_of_their_corners(frontal: Scene) -> None:
    assert area(drawn(frontal, "polygon")) == pytest.approx(39 * 39, rel=0.04)


def test_blobs_have_no_corners(frontal: Scene) -> None:
    _, mask = composite(np.zeros((128, 128, 3), np.uint8), drawn(frontal, "blob"))
    assert mask[60, 60] == 255
    assert mask[41, 41] == mask[41, 78] == mask[78, 41] == mask[78, 78] == 0
    assert area(drawn(frontal, "blob")) < area(drawn(frontal, "polygon"))


def test_a_straight_stroke_is_a_bar_with_round_ends(frontal: Scene) -> None:
    layer = drawn(frontal, "strokes", lines=[[[30, 64], [90, 64]]], diameter=20.0)
    assert area(layer) == pytest.approx(60 * 20 + np.pi * 100, rel=0.04)
    _, mask = composite(np.zeros((128, 128, 3), np.uint8), layer)
    assert mask[64, 22] == 255
    assert mask[56, 22] == 0


def test_strokes_cover_their_ends_and_no_corner_is_left_open(frontal: Scene) -> None:
    _, mask = composite(np.zeros((128, 128, 3), np.uint8), drawn(frontal, "strokes"))
    assert [int(mask[y, x]) for x, y in [(30, 30), (40, 90), (90, 90), (60, 60)]] == [255] * 4


@pytest.mark.parametrize("pattern", ["plain", "stripes", "checks", "dots", "fade", "speckle"])
def test_patterns_use_both_colours_and_what_lies_between(frontal: Scene, pattern: str) -> None:
    rgb = drawn(frontal, "polygon", pattern=pattern).rgba[5:-5, 5:-5, :3].reshape(-1, 3).astype(np.int32)
    first, second = (np.array(colour) for colour in LOOK["colours"])
    share = (rgb - first)[:, 2] / (second - first)[2]
    assert np.abs(first + share[:, None] * (second - first) - rgb).max() < 1.5
    assert share.min() == pytest.approx(0, abs=0.15)
    assert share.max() == pytest.approx(0 if pattern == "plain" else 1, abs=0.15)


@pytest.mark.parametrize("pattern", ["stripes", "checks"])
def test_halves_of_a_pattern_are_equal(frontal: Scene, pattern: str) -> None:
    big = [[[0, 0], [127, 0], [127, 127], [0, 127]]]
    rgb = drawn(frontal, "polygon", pattern=pattern, lines=big, colours=[[0] * 3, [255] * 3]).rgba[..., :3]
    assert rgb.mean() == pytest.approx(127.5, abs=6)


@pytest.mark.parametrize("variant", SHAPE.variants)
def test_shapes_lie_on_the_face(frontal: Scene, variant: str) -> None:
    face = region.hull(frontal.head.points, 128, 128)
    for seed in range(30):
        _, mask = composite(np.zeros((128, 128, 3), np.uint8), SHAPE.render(variant, sampled(frontal, variant, seed), frontal))
        assert np.count_nonzero(face & (mask >= 128)) > 0.01 * np.count_nonzero(face)
        assert np.count_nonzero(mask >= 128) < 0.8 * mask.size


@pytest.mark.parametrize("variant", ["polygon", "blob"])
def test_outlines_enclose_their_share_of_the_face(frontal: Scene, variant: str) -> None:
    face = len(region.face_pixels(frontal.head.points, 128, 128))
    for seed in range(20):
        ring = np.array(sampled(frontal, variant, seed)["lines"][0])
        after = np.roll(ring, -1, axis=0)
        share = abs((ring[:, 0] * after[:, 1] - ring[:, 1] * after[:, 0]).sum()) / 2 / face
        assert 0.11 < share < 0.41


def test_all_patterns_occur(frontal: Scene) -> None:
    assert len({sampled(frontal, "blob", seed)["pattern"] for seed in range(60)}) == 6


def test_shapes_outside_the_frame_are_rejected(frontal: Scene) -> None:
    with pytest.raises(Rejected, match="outside"):
        drawn(frontal, "polygon", lines=[[[500, 500], [540, 500], [540, 540]]])
    with pytest.raises(Rejected, match="outside"):
        sampled(Scene(128, 128, FittedHead(frontal.head.points + 500), frontal.noise), "blob", 0)


@pytest.mark.parametrize(
    "broken",
    [
        {"lines": []},
        {"lines": [[[1, 2], [3]]]},
        {"lines": [[[0, 0], [9, float("nan")], [9, 9]]]},
        {"pattern": "paisley"},
        {"colours": [[0, 0, 0], [0, 0, 300]]},
        {"colours": [[0, 0, 0]]},
        {"wavelength": 0.0},
        {"along": [float("inf"), 0.0]},
        {"diameter": float("nan")},
    ],
    ids=str,
)
def test_parameters_of_strangers_are_checked(frontal: Scene, broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - NumPy words some of them
        drawn(frontal, "strokes", **broken)


def test_huge_shapes_are_cut_at_the_frame(frontal: Scene) -> None:
    layer = drawn(frontal, "polygon", lines=[[[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]]])
    assert layer.rgba.shape == (128, 128, 4)
    assert (layer.rgba[..., 3] == 255).all()
