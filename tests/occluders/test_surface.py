"""Textured surfaces: where they appear, which way round, and what of them is culled."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occbench.landmarks.head import FittedHead
from occbench.occluders import Scene
from occbench.occluders.layer import Layer, composite
from occbench.occluders.surface import Surface, Texture, draw, sample

PX_PER_MM = 36 / 63  # of the frontal scene


def plate(texture: npt.NDArray[np.uint8], side: float = 70.0, z: float = 0.0, flip: bool = False) -> Surface:
    """A flat square of `side` mm around the head's origin, facing forwards."""
    at = np.linspace(-side / 2, side / 2, 5)
    x, y = np.meshgrid(at[::-1] if flip else at, at)
    return Surface(np.stack([x, y, np.full_like(x, z)], axis=-1), Texture(texture))


def plain(colour: tuple[int, int, int, int] = (200, 100, 50, 255), side: int = 64) -> npt.NDArray[np.uint8]:
    return np.full((side, side, 4), colour, np.uint8)


def quarters(side: int = 64) -> npt.NDArray[np.uint8]:
    """Top left red, top right green, bottom left blue, bottom right white."""
    texture = plain((255, 0, 0, 255), side)
    half = side // 2
    texture[:half, half:, :3] = (0, 255, 0)
    texture[half:, :half, :3] = (0, 0, 255)
    texture[half:, half:, :3] = 255
    return texture


def drawn(surface: Surface, scene: Scene) -> Layer:
    layer = draw([surface], scene.head)
    assert layer is not None
    return layer


def colour_at(layer: Layer, x: int, y: int) -> list[int]:
    pixel: list[int] = layer.rgba[y - layer.y, x - layer.x].tolist()
    return pixel


def test_flat_square_covers_its_area(frontal: Scene) -> None:
    layer = drawn(plate(plain()), frontal)
    assert layer.rgba[..., 3].sum() / 255 == pytest.approx((70 * PX_PER_MM) ** 2, rel=0.03)
    assert (layer.rgba[layer.rgba[..., 3] > 0][:, :3] == (200, 100, 50)).all()


def test_flat_square_lies_between_the_eyes(frontal: Scene) -> None:
    layer = drawn(plate(plain()), frontal)
    _, mask = composite(np.zeros((128, 128, 3), np.uint8), layer)
    rows, columns = np.nonzero(mask >= 128)
    # The head's origin is at (64, 48); 70 mm are 40 px.
    assert (columns.min(), columns.max()) == pytest.approx((44, 84), abs=1)
    assert (rows.min(), rows.max()) == pytest.approx((28, 68), abs=1)


def test_texture_is_the_right_way_round(frontal: Scene) -> None:
    layer = drawn(plate(quarters()), frontal)
    corners = [colour_at(layer, x, y)[:3] for y in (38, 58) for x in (54, 74)]
    assert corners == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]


def test_region_mirrors_a_texture(frontal: Scene) -> None:
    surface = plate(quarters())
    mirrored = drawn(Surface(surface.grid, surface.texture, region=(1.0, 0.0, 0.0, 1.0)), frontal)
    assert [colour_at(mirrored, x, 38)[:3] for x in (54, 74)] == [[0, 255, 0], [255, 0, 0]]


def test_region_uses_a_part_of_a_texture(frontal: Scene) -> None:
    surface = plate(quarters())
    part = drawn(Surface(surface.grid, surface.texture, region=(0.6, 0.0, 0.9, 0.4)), frontal)
    assert (part.rgba[part.rgba[..., 3] > 0][:, :3] == (0, 255, 0)).all()


def test_what_faces_away_is_culled(frontal: Scene) -> None:
    assert draw([plate(plain(), flip=True)], frontal.head) is None


def test_two_sided_surfaces_are_seen_from_behind(frontal: Scene) -> None:
    back = plate(quarters(), flip=True)
    layer = drawn(Surface(back.grid, back.texture, two_sided=True), frontal)
    assert [colour_at(layer, x, 38)[:3] for x in (54, 74)] == [[0, 255, 0], [255, 0, 0]]


def test_a_side_vanishes_when_the_head_turns_it_away(scenes: dict[str, Scene]) -> None:
    """A plate at the cheek of the image's right that looks to the image's right."""
    z, y = np.meshgrid(np.linspace(20, -40, 4), np.linspace(20, 60, 4))
    cheek = Surface(np.stack([np.full_like(z, 70.0), y, z], axis=-1), Texture(plain()))
    assert draw([cheek], scenes["turned-right"].head) is None
    assert draw([cheek], scenes["turned-left"].head) is not None


def test_a_turned_square_is_narrower(scenes: dict[str, Scene]) -> None:
    layer = drawn(plate(plain()), scenes["turned-left"])
    assert layer.rgba[..., 3].sum() / 255 == pytest.approx((70 * PX_PER_MM) ** 2 * 0.707, rel=0.05)


def test_the_last_surface_is_on_top(frontal: Scene) -> None:
    below, above = plate(plain((10, 10, 10, 255))), plate(plain((240, 240, 240, 255)), side=30)
    layer = draw([below, above], frontal.head)
    assert layer is not None
    assert colour_at(layer, 64, 48) == [240, 240, 240, 255]
    assert colour_at(layer, 48, 32) == [10, 10, 10, 255]


def test_inside_a_surface_the_nearer_part_is_on_top(frontal: Scene) -> None:
    """A ribbon that goes to the right and comes back in front of itself; its first half is black, its second white."""
    x = np.array([-30.0, 0.0, 30.0, 30.0, 0.0, -30.0])
    z = np.array([0.0, 0.0, 0.0, 20.0, 20.0, 20.0])
    grid = np.stack([np.stack([x, np.full(6, y), z], axis=-1) for y in (-20.0, 20.0)])
    texture = plain((0, 0, 0, 255))
    texture[:, 32:, :3] = 255
    layer = draw([Surface(grid, Texture(texture), two_sided=True, steps=(1, 1))], frontal.head)
    assert layer is not None
    assert colour_at(layer, 60, 48) == [255, 255, 255, 255]


def test_edges_are_antialiased(frontal: Scene) -> None:
    tilted = plate(plain())
    grid = tilted.grid.copy()
    grid[..., 1] += 0.2 * grid[..., 0]
    alpha = drawn(Surface(grid, tilted.texture), frontal).rgba[..., 3]
    assert len(np.unique(alpha)) > 5


def test_fine_textures_are_averaged_not_aliased(frontal: Scene) -> None:
    """A checkerboard of single texels, far finer than the pixels, is seen as gray."""
    checks = plain((0, 0, 0, 255), 512)
    checks[::2, ::2, :3] = checks[1::2, 1::2, :3] = 255
    rgb = drawn(plate(checks), frontal).rgba[10:-10, 10:-10, :3]
    assert np.abs(rgb.astype(np.int32) - 128).max() <= 2


def test_coarse_textures_keep_their_full_resolution(frontal: Scene) -> None:
    stripes = plain((0, 0, 0, 255), 32)
    stripes[:, ::2, :3] = 255
    rgb = drawn(plate(stripes, side=200), frontal).rgba
    assert int(rgb[60, 20:-20, 0].max()) - int(rgb[60, 20:-20, 0].min()) > 150


def test_texture_alpha_is_kept(frontal: Scene) -> None:
    *colour, alpha = colour_at(drawn(plate(plain((1, 120, 250, 77))), frontal), 64, 48)
    assert alpha == 77
    assert np.abs(np.subtract(colour, (1, 120, 250))).max() * 77 / 255 <= 1  # what a photograph below would show of the error


def test_colours_of_transparent_texels_do_not_bleed(frontal: Scene) -> None:
    texture = np.full((64, 64, 4), (200, 100, 50, 255), np.uint8)
    texture[::3] = (0, 255, 0, 0)
    layer = drawn(plate(texture), frontal)
    seen = layer.rgba[layer.rgba[..., 3] > 100][:, :3].astype(int)
    assert len(seen) > 500
    assert np.abs(seen - (200, 100, 50)).max() <= 2


@pytest.mark.parametrize("shift", [(3.0, 0.0), (-17.0, 40.0), (300.0, -250.0)])
def test_a_head_moved_by_whole_pixels_moves_the_layer(digest: ModuleType, shift: tuple[float, float]) -> None:
    angles = digest.POSES["turned-right"]
    heads = [FittedHead(digest.posed(*angles, shift=by)) for by in ((0.0, 0.0), shift)]
    still, moved = (draw([plate(quarters(), z=20)], head) for head in heads)
    assert still is not None
    assert moved is not None
    assert (moved.x - still.x, moved.y - still.y) == shift
    assert np.array_equal(moved.rgba, still.rgba)


def test_golden_pixels(scenes: dict[str, Scene], sha256: Callable[[npt.NDArray[np.uint8]], str]) -> None:
    layers = {name: drawn(plate(quarters(), z=10), scenes[name]) for name in ("frontal", "turned-left", "looking-up")}
    assert {name: sha256(layer.rgba) for name, layer in layers.items()} == {
        "frontal": "d9c3d239f0417ba6",
        "looking-up": "f396ea4e66318464",
        "turned-left": "9b599aa57ddd54c6",
    }


def test_textures_are_rgba() -> None:
    with pytest.raises(ValueError, match="a texture is"):
        Texture(np.zeros((8, 8, 3), np.uint8))


@given(st.integers(0, 6), st.integers(0, 4))
def test_sample_at_whole_texels_is_the_texture(x: int, y: int) -> None:
    texture = np.arange(5 * 7 * 4, dtype=np.uint8).reshape(5, 7, 4)
    assert np.array_equal(sample(texture, np.array([[float(x)]]), np.array([[float(y)]]))[0, 0], texture[y, x])


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_sample_outside_repeats_the_edge(x: float, y: float) -> None:
    texture = np.arange(5 * 7 * 4, dtype=np.uint8).reshape(5, 7, 4)
    found = sample(texture, np.array([[x]]), np.array([[y]]))
    assert np.array_equal(found, sample(texture, np.array([[min(max(x, 0.0), 6.0)]]), np.array([[min(max(y, 0.0), 4.0)]])))


def test_sample_is_bilinear() -> None:
    texture = np.zeros((2, 2, 4), np.uint8)
    texture[:, 1] = 200
    assert sample(texture, np.array([[0.25]]), np.array([[0.5]]))[0, 0].tolist() == [50, 50, 50, 50]
