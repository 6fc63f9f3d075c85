"""Noise fill: where it lies and what it looks like."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import Rejected
from occbench.landmarks.head import FittedHead
from occbench.occluders import Scene
from occbench.occluders.layer import Layer
from occbench.occluders.noise import Noise

NOISE = Noise()
FIXED = {"box": [20, 30, 60, 40], "cell": 2, "mean": 128, "deviation": 40}
GOLDEN = {
    "uniform-rectangle": "f014f7b4c964b6e6",
    "uniform-ellipse": "78e72b982b922080",
    "uniform-lower-face": "ae11ee50376dece5",
    "gaussian-rectangle": "0e148fa6e21b5600",
    "gaussian-ellipse": "c37e773e7f913bec",
    "gaussian-lower-face": "ebdf25cbec80dc67",
}


def drawn(scene: Scene, variant: str, **changes: Any) -> Layer:
    return NOISE.render(variant, {**FIXED, **changes}, scene)


@pytest.mark.parametrize("variant", NOISE.variants)
def test_golden_pixels(frontal: Scene, sha256: Callable[[npt.NDArray[np.uint8]], str], variant: str) -> None:
    assert sha256(drawn(frontal, variant).rgba) == GOLDEN[variant]


def test_rectangles_fill_their_box(frontal: Scene) -> None:
    layer = drawn(frontal, "uniform-rectangle")
    assert (layer.x, layer.y, layer.rgba.shape) == (20, 30, (40, 60, 4))
    assert (layer.rgba[..., 3] == 255).all()


def test_ellipses_touch_their_box(frontal: Scene) -> None:
    alpha = drawn(frontal, "uniform-ellipse").rgba[..., 3]
    assert alpha.shape == (40, 60)
    assert alpha.sum() / 255 == pytest.approx(np.pi * 20 * 30, rel=0.03)
    assert alpha[0, 0] == 0
    assert min(alpha[20, 0], alpha[20, -1], alpha[0, 30], alpha[-1, 30]) > 100


def test_the_lower_face_is_hidden_and_the_eyes_are_not(scenes: dict[str, Scene]) -> None:
    for scene in scenes.values():
        layer = drawn(scene, "uniform-lower-face")
        canvas = np.zeros((400, 400), np.uint8)
        h, w = layer.rgba.shape[:2]
        canvas[layer.y + 100 : layer.y + 100 + h, layer.x + 100 : layer.x + 100 + w] = layer.rgba[..., 3]
        hidden = [bool(canvas[round(y) + 100, round(x) + 100] >= 128) for x, y in scene.head.points]
        assert all(hidden[48:68])
        assert not any(hidden[36:48])


def test_uniform_noise_is_uniform(frontal: Scene) -> None:
    rgb = drawn(frontal, "uniform-rectangle", cell=1, box=[0, 0, 128, 128]).rgba[..., :3]
    assert abs(rgb.mean() - 127.5) < 2
    assert np.bincount(rgb.reshape(-1), minlength=256).min() > 100


def test_gaussian_noise_has_its_mean_and_deviation(frontal: Scene) -> None:
    rgb = drawn(frontal, "gaussian-rectangle", cell=1, box=[0, 0, 128, 128]).rgba[..., :3].astype(np.float64)
    assert rgb.mean() == pytest.approx(128, abs=1)
    assert rgb.std() == pytest.approx(40, abs=1)
    assert abs(np.corrcoef(rgb[..., 0].reshape(-1), rgb[..., 1].reshape(-1))[0, 1]) < 0.03


def test_grains_are_as_large_as_they_should_be(frontal: Scene) -> None:
    rgb = drawn(frontal, "uniform-rectangle", cell=3, box=[5, 5, 31, 20]).rgba[..., :3]
    assert rgb.shape == (20, 31, 3)
    assert (rgb[:3, :3] == rgb[0, 0]).all()
    assert (rgb[0, 2] != rgb[0, 3]).any()


def test_pairs_have_noise_of_their_own(frontal: Scene, digest: Any) -> None:
    other = digest.scene(frontal.head.points, 128, 128, "another pair")
    assert not np.array_equal(drawn(frontal, "uniform-rectangle").rgba, drawn(other, "uniform-rectangle").rgba)


def test_a_lower_face_outside_the_frame_is_rejected(frontal: Scene) -> None:
    away = Scene(128, 128, FittedHead(frontal.head.points + 500), frontal.noise)
    with pytest.raises(Rejected, match="outside"):
        drawn(away, "uniform-lower-face")


@pytest.mark.parametrize("broken", [{"cell": 0}, {"box": [0, 0, 500, 5]}, {"mean": 300}, {"deviation": -1}])
def test_parameters_of_strangers_are_checked(frontal: Scene, broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no such box|a grain|no gray levels"):
        drawn(frontal, "gaussian-rectangle", **broken)
