"""Black boxes: their size, their place, their level."""

from typing import Any

import pytest

from occbench.errors import Rejected
from occbench.landmarks.head import FittedHead
from occbench.occluders import Scene, region
from occbench.occluders.black_box import BlackBox
from occbench.seeding import generator

BOX = BlackBox()
SQUARES = {"square-10x10": (10, 10), "square-15x10": (15, 10), "square-15x15": (15, 15), "square-20x20": (20, 20)}


def sampled(scene: Scene, variant: str, seed: int = 0, **ranges: tuple[float, float]) -> dict[str, Any]:
    return BOX.sample(generator(seed, variant), variant, scene, {**BOX.ranges, **ranges})


@pytest.mark.parametrize("variant", SQUARES)
@pytest.mark.parametrize("size", [128, 256])
def test_squares_have_the_size_of_their_name_at_any_output_size(digest: Any, variant: str, size: int) -> None:
    scene = digest.scene(digest.posed(0, 0, 0, size=size), size, size, "")
    layer = BOX.render(variant, sampled(scene, variant), scene)
    assert layer.rgba.shape == (SQUARES[variant][1], SQUARES[variant][0], 4)


@pytest.mark.parametrize(("variant", "share"), [("face-25", 0.25), ("face-50", 0.5)])
def test_boxes_cover_their_share_of_the_face(frontal: Scene, variant: str, share: float) -> None:
    face = len(region.face_pixels(frontal.head.points, 128, 128))
    for seed in range(20):
        _, _, width, height = sampled(frontal, variant, seed)["box"]
        assert 0.75 * share < width * height / face < 1.25 * share
        assert 0.65 < width / height < 1.5


@pytest.mark.parametrize("variant", BOX.variants)
def test_golden_pixels(frontal: Scene, variant: str) -> None:
    layer = BOX.render(variant, {"place": "face", "box": [30, 40, 15, 10], "level": 7}, frontal)
    assert (layer.x, layer.y, layer.rgba.shape) == (30, 40, (10, 15, 4))
    assert (layer.rgba == (7, 7, 7, 255)).all()


def test_boxes_are_black_by_default(frontal: Scene) -> None:
    assert {sampled(frontal, variant, seed)["level"] for variant in BOX.variants for seed in range(5)} == {0}


def test_other_gray_levels_are_recorded(frontal: Scene) -> None:
    assert sampled(frontal, "face-25", level=(200.0, 200.0))["level"] == 200


def test_fixed_place_is_the_centre_of_the_frame(frontal: Scene) -> None:
    drawn = sampled(frontal, "square-20x20", fixed=(1.0, 1.0))
    assert drawn == {"place": "frame", "box": (54, 54, 20, 20), "level": 0}


@pytest.mark.parametrize(
    ("place", "x", "y"),
    [("eyes", 64, 48), ("left-eye", 46, 48), ("right-eye", 82, 48), ("nose", 64, 67), ("mouth", 64, 87)],
)
def test_landmark_places(frontal: Scene, place: str, x: int, y: int) -> None:
    """Sides are those of the image."""
    draws = (sampled(frontal, "square-15x15", seed, landmark=(1.0, 1.0)) for seed in range(60))
    boxes = {drawn["box"] for drawn in draws if drawn["place"] == place}
    assert len(boxes) == 1
    left, top, width, height = boxes.pop()
    assert (left + (width - 1) / 2, top + (height - 1) / 2) == pytest.approx((x, y), abs=1)


def test_random_places_lie_on_the_face(frontal: Scene) -> None:
    face = region.hull(frontal.head.points, 128, 128)
    boxes = [sampled(frontal, "square-15x15", seed, landmark=(0.0, 0.0))["box"] for seed in range(50)]
    assert all(face[top + height // 2, left + width // 2] for left, top, width, height in boxes)
    assert len(set(boxes)) > 45


def test_half_of_the_boxes_lie_on_landmarks(frontal: Scene) -> None:
    places = [sampled(frontal, "face-25", seed)["place"] for seed in range(200)]
    assert 70 < places.count("face") < 130
    assert "frame" not in places


def test_boxes_stay_inside_the_frame(digest: Any) -> None:
    scene = digest.scene(digest.posed(0, 0, 0, shift=(-50.0, 30.0)), 128, 128, "")
    for seed in range(30):
        region.stored_box(sampled(scene, "face-50", seed)["box"], 128, 128)


def test_a_face_outside_the_frame_is_rejected(frontal: Scene) -> None:
    away = Scene(128, 128, FittedHead(frontal.head.points + 500), frontal.noise)
    with pytest.raises(Rejected, match="outside"):
        sampled(away, "face-25")


@pytest.mark.parametrize(
    "broken",
    [{"box": [120, 0, 20, 20], "level": 0}, {"box": [0, 0, 10**9, 10**9], "level": 0}, {"box": [0, 0, 5, 5], "level": 256}],
)
def test_parameters_of_strangers_are_checked(frontal: Scene, broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no such box|no gray level"):
        BOX.render("face-25", broken, frontal)
