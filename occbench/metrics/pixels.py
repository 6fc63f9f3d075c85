"""All pixel metrics of a pair at once, sharing differences and local statistics."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from occbench.metrics import column, declared
from occbench.metrics.psnr import decibels
from occbench.metrics.regions import regions
from occbench.metrics.ssim import ssim, ssim_map

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

_WINDOWS = {"ssim": "gaussian", "ssim_uniform7": "uniform7"}


def measure(prediction: Image, clean: Image, alpha: Image, names: Sequence[str]) -> dict[str, float]:
    """Pixel metrics in all their regions.

    Args:
        prediction, clean: (H, W, 3) uint8.
        alpha: (H, W) uint8 occlusion mask.
        names: of `psnr`, `ssim`, `ssim_uniform7`, `l1`, `mse`, `sse`.

    Returns:
        Column to value; NaN where a region is empty.
    """
    where = regions(alpha)
    # Levels differ by whole numbers: sums of their squares are exact in int64, whatever the order.
    difference = [a.astype(np.int32) - b for a, b in zip(cv2.split(prediction), cv2.split(clean), strict=True)]
    squares = np.sum([plane * plane for plane in difference], axis=0)
    sizes = {region: int(np.count_nonzero(mask)) for region, mask in where.items()}
    out: dict[str, float] = {}
    for name in names:
        if name in _WINDOWS:
            found = ssim_map(prediction, clean, _WINDOWS[name])  # type: ignore[arg-type]
            for region in declared(name).regions:
                out[column(name, region)] = ssim(found, None if region == "full" else where[region])
        elif name == "sse":
            out[name] = int(squares.sum(dtype=np.int64)) / (255 * 255)
        else:
            values = np.abs(difference).sum(axis=0) if name == "l1" else squares
            for region in declared(name).regions:
                total = int(values.sum(dtype=np.int64) if region == "full" else values[where[region]].sum(dtype=np.int64))
                mean = total / (3 * sizes[region]) if sizes[region] else float("nan")
                out[column(name, region)] = _FINISH[name](mean)
    return out


_FINISH: dict[str, Callable[[float], float]] = {
    "psnr": lambda mean: decibels(mean) if mean == mean else mean,
    "mse": lambda mean: mean / (255 * 255),
    "l1": lambda mean: mean / 255,
}
