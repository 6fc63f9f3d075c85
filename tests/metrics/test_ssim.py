"""SSIM against its formula and scikit-image, and the variants that it is not (trap T4)."""

import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage.metrics import structural_similarity

from occbench.metrics.pixels import measure
from occbench.metrics.ssim import SSIM, SSIM_UNIFORM7, Window, ssim, ssim_map

Image = npt.NDArray[np.uint8]

OPTIONS = {"gaussian": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}, "uniform7": {}}
WINDOWS: tuple[Window, ...] = ("gaussian", "uniform7")


def noisy(seed: int, height: int = 64, width: int = 64, levels: int = 256) -> tuple[Image, Image]:
    """Noise on a smooth image."""
    rng = np.random.default_rng(seed)
    clean = cv2.GaussianBlur(rng.integers(0, levels, (height, width, 3)).astype(np.uint8), (0, 0), 2)
    return np.clip(np.rint(clean + rng.normal(0, 12, clean.shape)), 0, 255).astype(np.uint8), clean.astype(np.uint8)


def reference(prediction: Image, clean: Image, window: Window, axis: int | None = -1) -> float:
    return float(structural_similarity(clean, prediction, channel_axis=axis, data_range=255, **OPTIONS[window]))


@pytest.mark.parametrize("window", WINDOWS)
def test_one_pixel_by_the_formula(window: Window) -> None:
    prediction, clean = noisy(0)
    r = 5 if window == "gaussian" else 3
    y, x = 20, 31
    taps = np.array([math.exp(-(k**2) / (2 * 1.5**2)) if window == "gaussian" else 1.0 for k in range(-r, r + 1)])
    weights = np.outer(taps, taps) / taps.sum() ** 2
    found = []
    for channel in range(3):
        a, b = (image[y - r : y + r + 1, x - r : x + r + 1, channel].astype(float) for image in (prediction, clean))
        mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
        factor = 1 if window == "gaussian" else 49 / 48
        aa, bb, ab = (
            factor * (weights * (p - m) * (q - n)).sum()
            for p, m, q, n in ((a, mean_a, a, mean_a), (b, mean_b, b, mean_b), (a, mean_a, b, mean_b))
        )
        c1, c2 = 2.55**2, 7.65**2
        found.append((2 * mean_a * mean_b + c1) * (2 * ab + c2) / ((mean_a**2 + mean_b**2 + c1) * (aa + bb + c2)))
    assert ssim_map(prediction, clean, window)[y - r, x - r] == pytest.approx(np.mean(found), abs=1e-9)


@pytest.mark.parametrize("window", WINDOWS)
def test_channels_count_alike(window: Window) -> None:
    """T4: not the luminance, of which blue is a ninth or less."""
    prediction, clean = noisy(1)
    prediction[..., :2] = clean[..., :2]
    blue = reference(prediction[..., 2], clean[..., 2], window, None)
    assert ssim(ssim_map(prediction, clean, window)) == pytest.approx((2 + blue) / 3, abs=1e-9)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_range_is_not_that_of_the_image(window: Window) -> None:
    """T4: a dark image is judged like any other."""
    prediction, clean = noisy(2, levels=50)
    assert ssim(ssim_map(prediction, clean, window)) == pytest.approx(reference(prediction, clean, window), abs=1e-9)


def test_values_from_0_to_1_are_refused() -> None:
    """T4: with a range of 255 they would all be alike."""
    prediction, clean = (image / 255 for image in noisy(3))
    assert structural_similarity(clean, prediction, channel_axis=-1, data_range=255) > 0.999
    with pytest.raises(ValueError, match="uint8"):
        ssim_map(prediction, clean)  # type: ignore[arg-type]


@pytest.mark.parametrize("window", WINDOWS)
def test_large_images_are_not_reduced(window: Window) -> None:
    """T4: some libraries halve images from 384 px on."""
    prediction, clean = noisy(4, 400, 390)
    assert ssim(ssim_map(prediction, clean, window)) == pytest.approx(reference(prediction, clean, window), abs=1e-9)


def test_the_two_windows_are_two_metrics() -> None:
    """T4: the numbers of one image differ, and so do the signatures."""
    prediction, clean = noisy(5)
    found = measure(prediction, clean, np.zeros((64, 64), np.uint8), ["ssim", "ssim_uniform7"])
    assert abs(found["ssim"] - found["ssim_uniform7"]) > 0.001
    assert SSIM.signature.split("|")[1:3] != SSIM_UNIFORM7.signature.split("|")[1:3]


def test_a_region_is_a_mean_of_the_map() -> None:
    """T4: not the SSIM of images that were blanked elsewhere, which is nearly 1."""
    prediction, clean = noisy(6)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[30:50, 2:30] = 255  # partly where the window does not fit
    inside = alpha > 0
    _, full = structural_similarity(clean, prediction, channel_axis=-1, data_range=255, full=True, **OPTIONS["gaussian"])
    inner = np.zeros_like(inside)
    inner[5:-5, 5:-5] = inside[5:-5, 5:-5]
    found = measure(prediction, clean, alpha, ["ssim"])["ssim_mask"]
    assert found == pytest.approx(full.mean(axis=2)[inner].mean(), abs=1e-9)
    blanked = [np.where(inside[..., None], image, 0).astype(np.uint8) for image in (prediction, clean)]
    assert ssim(ssim_map(*blanked)) > found + 0.2


@pytest.mark.parametrize("window", WINDOWS)
def test_equal_images_are_1_everywhere(window: Window) -> None:
    image, _ = noisy(7)
    assert np.abs(ssim_map(image, image, window) - 1).max() < 1e-12


def test_bands_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = noisy(8, 61, 40)
    whole = ssim_map(*pair)
    monkeypatch.setattr("occbench.metrics.ssim._BAND", 17)
    assert np.array_equal(ssim_map(*pair), whole)


def test_threads_do_not_share_their_memory() -> None:
    pairs = [noisy(seed, 40 + seed, 90 - seed) for seed in range(12)]
    alone = [ssim_map(*pair) for pair in pairs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda pair: ssim_map(*pair), pairs * 10))
    assert all(np.array_equal(found, alone[number % 12]) for number, found in enumerate(together))


@pytest.mark.parametrize(("window", "size"), [("gaussian", 11), ("uniform7", 7)])
def test_images_smaller_than_the_window_are_refused(window: Window, size: int) -> None:
    tiny = np.zeros((size - 1, 30, 3), np.uint8)
    with pytest.raises(ValueError, match=f"30×{size - 1} px is smaller than the window of {size} px"):
        ssim_map(tiny, tiny, window)


def test_a_window_that_reaches_no_region_gives_no_value() -> None:
    corner = np.zeros((64, 64), np.bool_)
    corner[:5, :5] = True
    assert math.isnan(ssim(ssim_map(*noisy(0)), corner))
