"""The grid protocol: layout, and how much it flatters."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from occbench.metrics.tiled import grid, tiled

Image = npt.NDArray[np.uint8]


def faces(count: int, sigma: float = 10.0) -> list[tuple[Image, Image]]:
    rng = np.random.default_rng(0)
    clean = rng.integers(40, 200, (count, 128, 128, 3))
    noise = rng.normal(0, sigma, clean.shape)
    return [(np.clip(np.rint(a + n), 0, 255).astype(np.uint8), a.astype(np.uint8)) for a, n in zip(clean, noise, strict=True)]


@pytest.mark.parametrize(("count", "across", "shape"), [(16, 4, (522, 522, 3)), (32, 7, (652, 912, 3))])
def test_grids_have_the_published_sizes(count: int, across: int, shape: tuple[int, ...]) -> None:
    assert grid([np.zeros((128, 128, 3), np.uint8)] * count, across).shape == shape


@pytest.mark.parametrize(("batch", "gain"), [(16, 0.168), (32, 0.547)])
def test_borders_flatter_as_published(batch: int, gain: float) -> None:
    pairs = faces(batch)
    squares = [((a.astype(float) * 254 // 255 - b.astype(float) * 254 // 255) ** 2).mean() for a, b in pairs]
    pooled = 10 * math.log10(255**2 / np.mean(squares))
    assert tiled(pairs, batch)[0] - pooled == pytest.approx(gain, abs=0.001)


def test_errors_are_pooled_inside_a_grid_and_averaged_over_grids() -> None:
    good, bad = faces(16, 3.0), faces(16, 30.0)
    apart = [tiled(pairs)[0] for pairs in (good, bad)]
    assert tiled([*good, *bad])[0] == pytest.approx(np.mean(apart), abs=1e-12)
    mixed = tiled([pair for two in zip(good, bad, strict=True) for pair in two])[0]
    assert mixed < np.mean(apart) - 1


def test_equal_grids() -> None:
    pairs = [(a, a) for a, _ in faces(5)]
    assert tiled(pairs) == (100.0, pytest.approx(1.0, abs=1e-12))


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="one size"):
        tiled([(np.zeros((64, 64, 3), np.uint8),) * 2, (np.zeros((32, 32, 3), np.uint8),) * 2])
    with pytest.raises(ValueError, match="nothing to tile"):
        tiled([])
