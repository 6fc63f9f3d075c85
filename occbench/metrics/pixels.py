"""All pixel metrics of a pair at once, sharing differences and local statistics."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from occbench.metrics import column, declared
from occbench.metrics.errors import comparable
from occbench.metrics.psnr import decibels
from occbench.metrics.regions import regions
from occbench.metrics.ssim import Window, ssim, ssim_map

Image = npt.NDArray[np.uint8]

_WINDOWS: dict[str, Window] = {"ssim": "gaussian", "ssim_uniform7": "uniform7"}


def measure(prediction: Image, clean: Image, alpha: Image, names: Sequence[str]) -> dict[str, float]:
    """Pixel metrics in all their regions.

    Args:
        prediction, clean: (H, W, 3) uint8.
        alpha: (H, W) uint8 occlusion mask.
        names: of `psnr`, `ssim`, `ssim_uniform7`, `l1`, `mse`, `sse`.

    Returns:
        Column to value; NaN where a region is empty.

    Raises:
        ValueError: images or mask of another size or type, or too small for SSIM's window.
    """
    comparable(prediction, clean)
    if alpha.shape != clean.shape[:2]:
        raise ValueError(f"a mask of shape {alpha.shape} is not that of an image of shape {clean.shape}")
    where = regions(alpha)
    difference = np.asarray(cv2.absdiff(prediction, clean), dtype=np.uint8)
    out: dict[str, float] = {}
    for name in names:
        inside = declared(name).regions
        if name in _WINDOWS:
            found = ssim_map(prediction, clean, _WINDOWS[name])
            out |= {column(name, region): ssim(found, None if region == "full" else where[region]) for region in inside}
        elif name == "sse":
            out[name] = _total(difference, cv2.NORM_L2SQR, where["full"]) / (255 * 255)
        else:
            norm, finish = _MEANS[name]
            for region in inside:
                count = 3 * cv2.countNonZero(where[region].view(np.uint8))
                out[column(name, region)] = finish(_total(difference, norm, where[region]) / count) if count else float("nan")
    return out


_MEANS: dict[str, tuple[int, Callable[[float], float]]] = {
    "psnr": (cv2.NORM_L2SQR, decibels),
    "mse": (cv2.NORM_L2SQR, lambda mean: mean / (255 * 255)),
    "l1": (cv2.NORM_L1, lambda mean: mean / 255),
}


def _total(difference: Image, norm: int, region: npt.NDArray[np.bool_]) -> int:
    """Sum of the absolute or squared differences in a region. Sums of whole numbers are exact, whatever their order."""
    return round(cv2.norm(difference, norm, region.view(np.uint8)))
