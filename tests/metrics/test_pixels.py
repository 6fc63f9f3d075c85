"""All pixel metrics of a pair at once: against scikit-image, golden values and each metric alone."""

import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from occbench.metrics import METRICS, REGIONS, column, declared
from occbench.metrics.errors import l1, mse, sse
from occbench.metrics.pixels import measure
from occbench.metrics.psnr import psnr
from occbench.metrics.regions import regions

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
@pytest.mark.parametrize("shape", [(128, 128), (11, 40), (61, 11), (11, 11), (300, 129)], ids=str)
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


def test_empty_regions_have_no_value() -> None:
    prediction, clean = noisy(0)
    found = measure(prediction, clean, np.zeros((128, 128), np.uint8), NAMES)
    for name in ("psnr", "ssim", "l1", "mse"):
        assert math.isnan(found[f"{name}_mask"])
        assert math.isnan(found[f"{name}_ring"])
        assert not math.isnan(found[f"{name}_visible"])


@pytest.mark.parametrize(
    ("prediction", "alpha"),
    [
        (np.zeros((32, 32, 3)), np.zeros((32, 32), np.uint8)),
        (np.zeros((32, 1, 3), np.uint8), np.zeros((32, 32), np.uint8)),
        (np.zeros((32, 32, 4), np.uint8), np.zeros((32, 32), np.uint8)),
        (np.zeros((32, 32, 3), np.uint8), np.zeros((32, 31), np.uint8)),
        (np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.bool_)),
    ],
    ids=["floats", "broadcast", "alpha channel", "size of the mask", "bool mask"],
)
def test_what_would_give_wrong_numbers_is_refused(prediction: Any, alpha: Any) -> None:
    with pytest.raises(ValueError, match=r"uint8|mask of shape"):
        measure(prediction, np.zeros((32, 32, 3), np.uint8), alpha, NAMES)


@pytest.mark.parametrize("name", METRICS)
def test_declarations_are_complete(name: str) -> None:
    metric = declared(name)
    assert metric.name == name
    assert metric.signature.startswith(f"{name}|")
    assert metric.about.endswith(".")
    assert metric.regions[0] == "full"
    assert set(metric.regions) <= set(REGIONS)
