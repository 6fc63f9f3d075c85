"""How well networks restore the validation split, by the same metrics as `occbench score`."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from occbench.metrics.occlusion import iou
from occbench.metrics.pixels import measure
from occbench.pairs.paired import Pairs
from occbench.training import Baseline
from occbench.training.inference import Image, evaluating, infer

_NAMES = ("psnr", "ssim")
_BATCH = 16
_SHOWN = 8  # pairs of a grid


@dataclass(frozen=True, eq=False)
class Validation:
    """The pairs that a run is validated on: the first by hash of their ids, so that any number of them is a fair sample.

    Args:
        pairs: of the validation split.
        count: how many of them at most.
    """

    pairs: Pairs
    count: int

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Which pairs."""
        keys = [hashlib.sha256(name.encode()).digest() for name in self.pairs.pair_ids]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__)[: self.count], dtype=np.int64)

    def measure(self, baseline: Baseline, size: int, device: torch.device) -> tuple[dict[str, float], list[list[Image]]]:
        """Restore and measure.

        Returns:
            Means over the pairs: metric columns as in `per_image.parquet`, the gain over the occluded input as `<column>_gain`, and
            `iou` of the predicted mask where there is one. And rows for a grid: occluded, restored, clean, and the masks.
        """
        measured: list[dict[str, float]] = []
        shown: list[list[Image]] = []
        rows = self.rows
        with evaluating(baseline.networks):
            for first in range(0, len(rows), _BATCH):
                at = rows[first : first + _BATCH]
                occluded, masks = self.pairs.occluded[at], self.pairs.masks[at]
                clean = self.pairs.photographs[self.pairs.clean[at]]
                found = infer(baseline, occluded, masks if baseline.track == "given-mask" else None, size, device)
                for k in range(len(at)):
                    after = measure(found.images[k], clean[k], masks[k], _NAMES)
                    before = measure(occluded[k], clean[k], masks[k], _NAMES)
                    row = {**after, **{f"{name}_gain": value - before[name] for name, value in after.items()}}
                    if found.masks is not None:
                        row["iou"] = iou(found.masks[k], masks[k])
                    measured.append(row)
                    if len(shown) < _SHOWN:
                        told = [] if found.masks is None else [found.masks[k]]
                        shown.append([occluded[k], found.images[k], clean[k], masks[k], *told])
        names = list(measured[0])
        values = {name: np.array([row[name] for row in measured], dtype=np.float64) for name in names}
        return {name: float(np.nanmean(v)) for name, v in values.items() if not np.isnan(v).all()}, shown
