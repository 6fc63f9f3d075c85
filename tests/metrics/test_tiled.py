"""The grid protocol: layout, and how much it flatters."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import correlate1d

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


def test_borders_and_scale_add_what_they_do() -> None:
    """Black against white: 0 dB, but for 10 px of border in 522 (+0.168 dB) and 254 in the place of 255 (+0.034 dB)."""
    black, white = np.zeros((128, 128, 3), np.uint8), np.full((128, 128, 3), 255, np.uint8)
    found, _ = tiled([(black, white)] * 16)
    assert found == pytest.approx(20 * math.log10(522 / 512) + 20 * math.log10(255 / 254), abs=1e-9)
    assert found == pytest.approx(0.168 + 0.034, abs=0.001)


def test_ssim_by_another_filter() -> None:
    """Where the window fits, with a contrast-structure term of at least 0: one face is a negative, so that it matters."""
    pairs = faces(16, 30.0)
    pairs[3] = (255 - pairs[3][1], pairs[3][1])
    a, b = (grid([pair[k] for pair in pairs], 4).astype(np.float64) for k in range(2))
    taps = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
    taps /= taps.sum()

    def local(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(correlate1d(correlate1d(x, taps, axis=0), taps, axis=1)[5:-5, 5:-5])

    mean_a, mean_b = local(a), local(b)
    structure = (2 * (local(a * b) - mean_a * mean_b) + 7.65**2) / (local(a * a) - mean_a**2 + local(b * b) - mean_b**2 + 7.65**2)
    assert structure.min() < 0
    luminance = (2 * mean_a * mean_b + 2.55**2) / (mean_a**2 + mean_b**2 + 2.55**2)
    assert tiled(pairs)[1] == pytest.approx((luminance * structure.clip(0)).mean(), abs=1e-9)


def test_images_that_fill_no_grid_are_left_out() -> None:
    """As the published count of grids, 826 of 13,217 images, shows. Fewer images than a grid holds are a grid all the same."""
    pairs = [*faces(16, 3.0), *faces(5, 30.0)]
    assert tiled(iter(pairs)) == tiled(pairs[:16])
    assert tiled(pairs[16:])[0] < tiled(pairs)[0]


def test_levels_are_truncated() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    found = grid([np.repeat(levels[..., None], 3, axis=2)], 1)[2:-2, 2:-2, 0]
    assert found.ravel().tolist() == [math.floor(level * 254 / 255) for level in range(256)]


def test_equal_grids() -> None:
    pairs = [(a, a) for a, _ in faces(5)]
    assert tiled(pairs) == (100.0, pytest.approx(1.0, abs=1e-12))


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="one size"):
        tiled([(np.zeros((64, 64, 3), np.uint8),) * 2, (np.zeros((32, 32, 3), np.uint8),) * 2])
    with pytest.raises(ValueError, match="nothing to tile"):
        tiled([])
