"""Stacking layers and laying them over photographs."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from occbench.occluders.layer import Layer, composite, over, ratio

SIZE = 6
images = arrays(np.uint8, (SIZE, SIZE, 3))
rgba = arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(4)))
anywhere = st.integers(-8, 9)
layers = st.builds(Layer, rgba, anywhere, anywhere)
inside = st.builds(Layer, arrays(np.uint8, (SIZE, SIZE, 4)), st.just(0), st.just(0))


def plate(alpha: int, colour: tuple[int, int, int], side: int = SIZE, x: int = 0, y: int = 0) -> Layer:
    return Layer(np.full((side, side, 4), (*colour, alpha), np.uint8), x, y)


def on_canvas(layer: Layer, side: int = 32, shift: int = 12) -> npt.NDArray[np.int32]:
    canvas = np.zeros((side, side, 4), np.int32)
    h, w = layer.rgba.shape[:2]
    canvas[layer.y + shift : layer.y + shift + h, layer.x + shift : layer.x + shift + w] = layer.rgba
    return canvas


@given(images, layers)
def test_alpha_0_is_bit_identical(image: npt.NDArray[np.uint8], layer: Layer) -> None:
    occluded, mask = composite(image, layer)
    assert np.array_equal(occluded[mask == 0], image[mask == 0])


@given(images, layers)
def test_alpha_255_is_the_layer(image: npt.NDArray[np.uint8], layer: Layer) -> None:
    solid = layer.rgba.copy()
    solid[..., 3] = 255
    occluded, mask = composite(image, Layer(solid, layer.x, layer.y))
    expected = image.astype(np.int32)
    for y in range(SIZE):
        for x in range(SIZE):
            v, u = y - layer.y, x - layer.x
            if 0 <= v < solid.shape[0] and 0 <= u < solid.shape[1]:
                expected[y, x] = solid[v, u, :3]
                assert mask[y, x] == 255
    assert np.array_equal(occluded, expected)


@given(images, inside)
def test_composite_lies_between_layer_and_photograph(image: npt.NDArray[np.uint8], layer: Layer) -> None:
    occluded, mask = composite(image, layer)
    exact = (layer.rgba[..., :3] * (mask[..., None] / 255)) + image * (1 - mask[..., None] / 255)
    assert np.abs(occluded - exact).max() <= 0.5 + 1e-9


@given(images, layers)
def test_inputs_stay_untouched(image: npt.NDArray[np.uint8], layer: Layer) -> None:
    before, drawn = image.copy(), layer.rgba.copy()
    composite(image, layer)
    over(layer, layer)
    assert np.array_equal(image, before)
    assert np.array_equal(layer.rgba, drawn)


def test_layer_outside_the_frame_changes_nothing() -> None:
    image = np.arange(SIZE * SIZE * 3, dtype=np.uint8).reshape(SIZE, SIZE, 3)
    for x, y in ((SIZE, 0), (-SIZE, 0), (0, SIZE), (0, -SIZE), (1000, -1000)):
        occluded, mask = composite(image, plate(255, (9, 9, 9), x=x, y=y))
        assert np.array_equal(occluded, image)
        assert not mask.any()


def test_layer_reaching_out_of_the_frame_is_cut() -> None:
    _, mask = composite(np.zeros((SIZE, SIZE, 3), np.uint8), plate(200, (1, 2, 3), x=-2, y=4))
    expected = np.zeros((SIZE, SIZE), np.uint8)
    expected[4:, :4] = 200
    assert np.array_equal(mask, expected)


@given(layers)
def test_transparent_over_or_under_changes_nothing(layer: Layer) -> None:
    nothing = Layer(np.zeros_like(layer.rgba), layer.x, layer.y)
    shown = layer.rgba[..., 3] > 0
    for stacked in (over(nothing, layer), over(layer, nothing)):
        assert np.array_equal(stacked.rgba[..., 3], layer.rgba[..., 3])
        assert np.array_equal(stacked.rgba[shown], layer.rgba[shown])


@given(layers, layers)
def test_opaque_hides_what_lies_below(top: Layer, bottom: Layer) -> None:
    solid = top.rgba.copy()
    solid[..., 3] = 255
    stacked = over(Layer(solid, top.x, top.y), bottom)
    y, x = top.y - stacked.y, top.x - stacked.x
    assert np.array_equal(stacked.rgba[y : y + solid.shape[0], x : x + solid.shape[1]], solid)


@given(layers, layers)
def test_over_never_lets_more_through(top: Layer, bottom: Layer) -> None:
    stacked = on_canvas(over(top, bottom))[..., 3]
    assert (stacked >= on_canvas(top)[..., 3]).all()
    assert (stacked >= on_canvas(bottom)[..., 3]).all()


@given(layers, layers, layers)
def test_over_is_associative_within_rounding(a: Layer, b: Layer, c: Layer) -> None:
    left, right = on_canvas(over(over(a, b), c)), on_canvas(over(a, over(b, c)))
    assert np.abs(left[..., 3] - right[..., 3]).max() <= 1
    # Colour as it will be seen: weighted by alpha. Each of two roundings is off by half a level at most.
    seen = [canvas[..., :3] * canvas[..., 3:] / 255 for canvas in (left, right)]
    assert np.abs(seen[0] - seen[1]).max() <= 3


@given(images, inside, inside)
def test_stacking_first_or_laying_one_by_one_is_the_same_within_rounding(
    image: npt.NDArray[np.uint8], top: Layer, bottom: Layer
) -> None:
    at_once, _ = composite(image, over(top, bottom))
    one_by_one, _ = composite(composite(image, bottom)[0], top)
    assert np.abs(at_once.astype(np.int32) - one_by_one).max() <= 3


def test_over_golden_pixel() -> None:
    stacked = over(plate(128, (200, 100, 0)), plate(100, (0, 100, 200)))
    # Below shows 100·127/255 = 49.8 → 50; alpha 178; red (200·128 + 89) // 178 = 144, blue (200·50 + 89) // 178 = 56.
    assert stacked.rgba[0, 0].tolist() == [144, 100, 56, 178]


def test_composite_golden_pixel() -> None:
    occluded, mask = composite(np.full((SIZE, SIZE, 3), 10, np.uint8), plate(64, (250, 128, 10)))
    assert occluded[0, 0].tolist() == [70, 40, 10]
    assert mask[0, 0] == 64


def test_quotients_are_those_of_integers() -> None:
    rng = np.random.default_rng(0)
    denominator = rng.integers(1, 2041, 400_000, dtype=np.int32)
    whole = rng.integers(0, (1 << 23) // denominator, dtype=np.int32)
    for numerator in (whole * denominator, np.maximum(whole * denominator - 1, 0), whole * denominator + denominator // 2):
        fits = numerator < 1 << 23
        assert np.array_equal(ratio(numerator, denominator)[fits], ((numerator + denominator // 2) // denominator)[fits])
