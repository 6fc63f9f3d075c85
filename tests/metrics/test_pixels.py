"""PSNR, SSIM and plain errors, against scikit-image, golden values and the traps of scoring."""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from occbench.metrics import METRICS, REGIONS, column, declared
from occbench.metrics.errors import l1, mse, sse
from occbench.metrics.pixels import measure
from occbench.metrics.psnr import psnr
from occbench.metrics.regions import regions
from occbench.metrics.ssim import ssim, ssim_map

Image = npt.NDArray[np.uint8]

NAMES = ("psnr", "ssim", "ssim_uniform7", "l1", "mse", "sse")
GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def noisy(seed: int, height: int = 128, width: int = 128, sigma: float = 12.0) -> tuple[Image, Image]:
    """A smooth image and the same with noise."""
    rng = np.random.default_rng(seed)
    clean = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), (0, 0), 2)
    return np.clip(np.rint(clean + rng.normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8), clean


def box(height: int = 128, width: int = 128) -> Image:
    alpha = np.zeros((height, width), np.uint8)
    alpha[height // 2 : height - 16, width // 4 : -width // 4] = 255
    return alpha


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(128, 128), (11, 40), (61, 11)], ids=str)
def test_full_frames_equal_scikit_image(seed: int, shape: tuple[int, int]) -> None:
    prediction, clean = noisy(seed, *shape)
    found = measure(prediction, clean, np.zeros(shape, np.uint8), NAMES)
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(clean, prediction), abs=1e-9)
    assert found["ssim"] == pytest.approx(
        structural_similarity(clean, prediction, channel_axis=-1, data_range=255, **GAUSSIAN), abs=1e-9
    )
    assert found["ssim_uniform7"] == pytest.approx(
        structural_similarity(clean, prediction, channel_axis=-1, data_range=255), abs=1e-9
    )


def test_golden_values(shared: Path) -> None:
    rows = json.loads((shared / "specs/golden_metrics.json").read_text())["rows"]
    assert len(rows) == 9
    for row in rows:
        photograph = cv2.imread(str(shared / "data/lfw/lfw-deepfunneled" / row["image"]))
        assert photograph is not None
        clean = cv2.cvtColor(photograph, cv2.COLOR_BGR2RGB)[61:189, 61:189].copy()
        changed = change(clean, row["change"])
        found = measure(changed, clean, box(), NAMES)
        assert found["psnr"] == pytest.approx(row["psnr"], abs=1e-6)
        assert found["ssim"] == pytest.approx(row["ssim_gaussian"], abs=1e-6)
        assert found["ssim_uniform7"] == pytest.approx(row["ssim_uniform7"], abs=1e-6)


def change(clean: Image, how: str) -> Image:
    """As the golden values' file says."""
    if how == "shift":
        return np.roll(clean, 2, axis=1)
    changed = clean.copy()
    if how == "box":
        changed[64:112, 32:96] = 0
        return changed
    noise = np.random.default_rng(0).normal(0, 12, clean.shape)
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("region", REGIONS)
def test_all_at_once_equals_one_by_one(region: Any) -> None:
    prediction, clean = noisy(0)
    alpha = box()
    alpha[:10, :10] = 60  # soft: neither occluded nor visible
    found, where = measure(prediction, clean, alpha, NAMES), regions(alpha)[region]
    assert found[column("psnr", region)] == pytest.approx(psnr(prediction, clean, where), abs=1e-12)
    assert found[column("l1", region)] == pytest.approx(l1(prediction, clean, where), abs=1e-15)
    assert found[column("mse", region)] == pytest.approx(mse(prediction, clean, where), abs=1e-15)
    assert found["sse"] == pytest.approx(sse(prediction, clean), rel=1e-12)


def test_region_ssim_is_the_mean_of_the_map_there() -> None:
    prediction, clean = noisy(1)
    alpha = box()
    _, full = structural_similarity(clean, prediction, channel_axis=-1, data_range=255, full=True, **GAUSSIAN)
    inside = alpha >= 128
    assert measure(prediction, clean, alpha, ["ssim"])["ssim_mask"] == pytest.approx(full.mean(axis=2)[inside].mean(), abs=1e-9)


@given(top=st.integers(0, 40), left=st.integers(0, 40), height=st.integers(1, 23), width=st.integers(1, 23), seed=st.integers(0, 9))
def test_full_frame_psnr_follows_from_the_masked_one(top: int, left: int, height: int, width: int, seed: int) -> None:
    """Trap T5 f: with exact visible pixels, PSNR grows by -10 log10 of the occluded share."""
    _, clean = noisy(0, 64, 64)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[top : top + height, left : left + width] = 255
    prediction = clean.copy()
    prediction[alpha > 0] = np.random.default_rng(seed).integers(0, 256, (height * width, 3))
    found = measure(prediction, clean, alpha, ["psnr"])
    share = (alpha > 0).mean()
    if found["psnr_mask"] < 100:
        assert found["psnr"] == pytest.approx(found["psnr_mask"] - 10 * math.log10(share), abs=1e-9)
    assert found["psnr_visible"] == 100


def test_identical_images_have_a_psnr() -> None:
    """Trap T5 d."""
    _, clean = noisy(0)
    assert psnr(clean, clean) == 100
    off = clean.copy()
    off[0, 0, 0] ^= 1
    assert 90 < psnr(off, clean) <= 100


def test_levels_do_not_wrap() -> None:
    """Trap T5 b."""
    dark, bright = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert psnr(dark, bright) == psnr(bright, dark) == 0
    assert l1(dark, bright) == mse(dark, bright) == 1
    assert sse(dark, bright) == 8 * 8 * 3


def test_a_region_is_divided_by_its_own_pixels() -> None:
    """Trap T5 e: not by those of the frame."""
    prediction, clean = noisy(2)
    alpha = box()
    cut = alpha >= 128
    rows, columns = np.flatnonzero(cut.any(axis=1)), np.flatnonzero(cut.any(axis=0))
    inner = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    assert measure(prediction, clean, alpha, ["psnr"])["psnr_mask"] == pytest.approx(
        peak_signal_noise_ratio(clean[inner], prediction[inner]), abs=1e-9
    )


def test_empty_regions_have_no_value() -> None:
    prediction, clean = noisy(0)
    found = measure(prediction, clean, np.zeros((128, 128), np.uint8), NAMES)
    for name in ("psnr", "ssim", "l1", "mse"):
        assert math.isnan(found[f"{name}_mask"])
        assert math.isnan(found[f"{name}_ring"])
        assert not math.isnan(found[f"{name}_visible"])


def test_images_smaller_than_the_window_are_refused() -> None:
    tiny = np.zeros((10, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="30×10 px is smaller than the window of 11 px"):
        ssim_map(tiny, tiny)


def test_a_window_that_reaches_no_region_gives_no_value() -> None:
    prediction, clean = noisy(0)
    corner = np.zeros((128, 128), np.bool_)
    corner[:5, :5] = True
    assert math.isnan(ssim(ssim_map(prediction, clean), corner))


@pytest.mark.parametrize(("size", "radius"), [(64, 4), (128, 8), (256, 16)])
def test_the_ring_is_as_wide_as_stated(size: int, radius: int) -> None:
    alpha = np.zeros((size, size), np.uint8)
    alpha[size // 2, size // 2] = 128
    where = regions(alpha)
    ys, xs = np.nonzero(where["ring"])
    distances = np.hypot(ys - size // 2, xs - size // 2)
    assert distances.max() == radius
    assert len(distances) == sum(
        0 < x * x + y * y <= radius * radius for x in range(-radius, radius + 1) for y in range(-radius, radius + 1)
    )
    assert not (where["ring"] & where["mask"]).any()


@given(st.integers(0, 255))
def test_each_level_of_alpha_belongs_where_the_rule_says(level: int) -> None:
    where = regions(np.full((16, 16), level, np.uint8))
    assert where["mask"].all() == (level >= 128)
    assert where["visible"].all() == (level == 0)
    assert where["full"].all()


@pytest.mark.parametrize("name", METRICS)
def test_declarations_are_complete(name: str) -> None:
    metric = declared(name)
    assert metric.name == name
    assert metric.signature.startswith(f"{name}|")
    assert metric.about.endswith(".")
    assert metric.regions[0] == "full"
    assert set(metric.regions) <= set(REGIONS)
