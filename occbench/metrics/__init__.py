"""What is measured: pure functions on images, features and points, one file a metric, each with its declaration."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from occbench import registry

# Name of a metric to where its declaration lies.
METRICS = {
    "psnr": "occbench.metrics.psnr:PSNR",
    "ssim": "occbench.metrics.ssim:SSIM",
    "ssim_uniform7": "occbench.metrics.ssim:SSIM_UNIFORM7",
    "l1": "occbench.metrics.errors:L1",
    "mse": "occbench.metrics.errors:MSE",
    "sse": "occbench.metrics.errors:SSE",
    "lpips": "occbench.metrics.lpips:LPIPS_ALEX",
    "lpips_vgg": "occbench.metrics.lpips:LPIPS_VGG",
    "identity_cosine": "occbench.metrics.identity:IDENTITY_COSINE",
    "verification_accuracy": "occbench.metrics.identity:VERIFICATION_ACCURACY",
    "verification_tar": "occbench.metrics.identity:VERIFICATION_TAR",
    "landmark_error": "occbench.metrics.landmark_error:LANDMARK_ERROR",
    "kid": "occbench.metrics.kid:KID",
    "kid_inception": "occbench.metrics.kid:KID_INCEPTION",
    "fid": "occbench.metrics.frechet:FID",
    "fid_inception": "occbench.metrics.frechet:FID_INCEPTION",
    "occlusion_iou": "occbench.metrics.occlusion:OCCLUSION_IOU",
    "occlusion_f1": "occbench.metrics.occlusion:OCCLUSION_F1",
    "occlusion_brier": "occbench.metrics.occlusion:OCCLUSION_BRIER",
    "psnr_tiled": "occbench.metrics.tiled:PSNR_TILED",
    "ssim_tiled": "occbench.metrics.tiled:SSIM_TILED",
}

Region = Literal["full", "mask", "ring", "visible"]
REGIONS: tuple[Region, ...] = ("full", "mask", "ring", "visible")


@dataclass(frozen=True)
class Metric:
    """What is declared of a metric.

    Attributes:
        name: key of `METRICS`, and the column that holds its values.
        about: one sentence for a person.
        higher_is_better: direction.
        lowest, highest: of its values; None where there is no bound.
        regions: where it is taken; the default one first.
        kind: what it is taken of: `image` (a value for each pair), or `set` (one for all).
        signature: how exactly it is computed, as `name|key:value|...`; two numbers compare only if their signatures are equal.
        weights: the model file it needs, a key of `occbench.weights.WEIGHTS`, or None.
        default: measured unless others are asked for.
        unit: what follows the number, or empty.
    """

    name: str
    about: str
    higher_is_better: bool
    lowest: float | None
    highest: float | None
    regions: tuple[Region, ...]
    kind: Literal["image", "set"]
    signature: str
    weights: str | None = None
    default: bool = True
    unit: str = ""


@cache
def declared(name: str) -> Metric:
    """The declaration of a metric.

    Raises:
        UsageError: no such metric.
    """
    metric: Any = registry.load("metrics", METRICS, name)
    assert isinstance(metric, Metric), name
    return metric


def column(name: str, region: str) -> str:
    """The column of a metric's values in a region: `psnr`, `psnr_mask`, ..."""
    return name if region == "full" else f"{name}_{region}"
