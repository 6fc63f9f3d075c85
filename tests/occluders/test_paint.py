"""Paint: colours from channels, how colours are chosen, varied and read, cutting to the frame, and the contact shadow."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.errors import Rejected
from occbench.occluders.layer import Layer
from occbench.occluders.paint import MARGIN, choose, colourise, contact_shadow, jitter, stored, within
from occbench.seeding import generator

TRIM, MAIN, SECOND = (200, 20, 30), (10, 150, 60), (0, 40, 250)
SHEEN = 12  # what full shade adds
levels = st.integers(0, 255)
colours = st.tuples(levels, levels, levels)


def channels(shade: int, facing: int, ink: int, alpha: int = 255) -> Layer:
    return Layer(np.array([[[shade, facing, ink, alpha]]], np.uint8), 3, 4)


def mixed(shade: int, facing: int, ink: int, /, side: float = 0.0, warm: float = 0.0) -> list[int]:
    layer = colourise(channels(shade, facing, ink), TRIM, MAIN, SECOND, side=side, warm=warm)
    return [int(v) for v in layer.rgba[0, 0, :3]]


@pytest.mark.parametrize(("ink", "colour"), [(0, TRIM), (128, MAIN), (255, SECOND)])
def test_ink_chooses_the_colour(ink: int, colour: tuple[int, int, int]) -> None:
    # The last of 256 inks is 127 steps of 128 beyond the middle, so a level or two of the main colour remain.
    wanted = np.minimum(np.array(colour) + SHEEN, 255)
    assert np.abs(np.array(mixed(255, 128, ink)) - wanted).max() <= (2 if ink == 255 else 0)


def test_inks_between_mix() -> None:
    assert mixed(255, 128, 64) == [105 + SHEEN, 85 + SHEEN, 45 + SHEEN]
    assert mixed(255, 128, 192) == [5 + SHEEN, 95 + SHEEN, 155 + SHEEN]


@settings(max_examples=50, deadline=None)
@given(shade=levels, facing=levels, ink=levels, alpha=levels, side=st.floats(-1.5, 1.5), one=colours, two=colours, three=colours)
def test_alpha_and_place_are_kept_and_no_shade_is_black(
    shade: int, facing: int, ink: int, alpha: int, side: float, one: Any, two: Any, three: Any
) -> None:
    layer = colourise(channels(shade, facing, ink, alpha), one, two, three, side=side)
    assert (layer.x, layer.y, layer.rgba[0, 0, 3]) == (3, 4, alpha)
    dark = colourise(channels(0, facing, ink, alpha), one, two, three, side=side)
    assert not dark.rgba[..., :3].any()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 254), levels)
def test_more_shade_is_never_darker(shade: int, ink: int) -> None:
    assert all(low <= high for low, high in zip(mixed(shade, 128, ink), mixed(shade + 1, 128, ink), strict=True))


def test_side_light_brightens_what_faces_it() -> None:
    left, ahead, right = (sum(mixed(160, facing, 128, 0.3)) for facing in (20, 128, 236))
    assert left < ahead < right
    assert sum(mixed(160, 20, 128, -0.3)) > ahead
    assert ahead == sum(mixed(160, 128, 128))


def test_warmth_reddens_half_lit_places_only() -> None:
    red, _, blue = (warm - plain for warm, plain in zip(mixed(128, 128, 64, 0.0, 0.4), mixed(128, 128, 64), strict=True))
    assert red > 0 > blue
    assert mixed(255, 128, 64, 0.0, 0.4) == mixed(255, 128, 64)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), colours, st.integers(0, 20))
def test_jitter_stays_close(seed: int, colour: tuple[int, int, int], spread: int) -> None:
    for was, now in zip(colour, jitter(generator(seed, "jitter"), colour, spread), strict=True):
        assert 8 <= now <= 250
        assert isinstance(now, int)
        assert min(max(8, 0.92 * was - spread - 0.5), 250) <= now <= max(8, min(250, 1.06 * was + spread + 0.5))


def test_jitter_varies() -> None:
    rng = generator(0, "jitter")
    assert len({jitter(rng, (120, 120, 120)) for _ in range(50)}) > 40


def test_choose_gives_shares_by_weight() -> None:
    rng = generator(0, "choose")
    drawn = [choose(rng, [("a", 6), ("b", 3), ("never", 0), ("c", 1)]) for _ in range(4000)]
    shares = [drawn.count(name) / 4000 for name in ("a", "b", "never", "c")]
    assert shares == pytest.approx([0.6, 0.3, 0.0, 0.1], abs=0.03)
    assert shares[2] == 0


@settings(max_examples=50, deadline=None)
@given(colours)
def test_stored_colours_are_read(colour: tuple[int, int, int]) -> None:
    assert stored(list(colour)).tolist() == list(colour)


@pytest.mark.parametrize("colour", [[], [1, 2], [1, 2, 3, 4], [0, 0, 256], [-1, 0, 0], "red", [float("nan"), 0, 0]], ids=str)
def test_what_is_no_colour_is_refused(colour: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        stored(colour)


@pytest.mark.parametrize("colour", [[10**12, 0, 0], [float("inf"), 0, 0], [10**30, 0, 0]], ids=str)
def test_huge_levels_are_refused(colour: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        stored(colour)


def test_within_cuts_to_the_frame_and_its_margin() -> None:
    rgba = np.zeros((300, 300, 4), np.uint8)
    rgba[..., 0] = np.arange(300)[None, :] % 251
    layer = within(Layer(rgba, -100, -50), 64, 48)
    assert (layer.x, layer.y) == (-MARGIN, -MARGIN)
    assert layer.rgba.shape == (48 + 2 * MARGIN, 64 + 2 * MARGIN, 4)
    assert layer.rgba[0, 0, 0] == 100 - MARGIN


@pytest.mark.parametrize(("x", "y"), [(-100, 0), (0, -100), (200, 0), (0, 200)])
def test_a_layer_outside_the_frame_is_rejected(x: int, y: int) -> None:
    with pytest.raises(Rejected) as raised:
        within(Layer(np.zeros((20, 20, 4), np.uint8), x, y), 64, 64)
    assert raised.value.reason == "outside"


@settings(max_examples=50, deadline=None)
@given(scale=st.floats(0.2, 4.0), strength=st.integers(0, 127), size=st.integers(1, 40))
def test_contact_shadows_never_hide(scale: float, strength: int, size: int) -> None:
    alpha = contact_shadow(Layer(np.full((size, size, 4), 255, np.uint8), 0, 0), scale, strength=strength).rgba[..., 3]
    assert alpha.max() <= strength
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert border.max() <= 1  # it ends before its rectangle does


def test_contact_shadows_lie_around_and_below() -> None:
    layer = Layer(np.full((60, 60, 4), 255, np.uint8), 10, 20)
    shadow = contact_shadow(layer, 1.0, drop=4.0, strength=42)
    ys, xs = np.nonzero(shadow.rgba[..., 3])
    assert xs.mean() + shadow.x == pytest.approx(10 + 29.5, abs=0.1)
    assert ys.mean() + shadow.y == pytest.approx(20 + 29.5 + 4, abs=0.1)
    assert shadow.rgba[..., 3].max() == 42
    assert len(ys) > 60 * 60
