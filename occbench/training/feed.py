"""Batches: which pairs a step sees, and what is done to them. A function of seed and step alone, never of workers or history."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from occbench.errors import UsageError
from occbench.pairs.labels import Labels
from occbench.pairs.natural import Natural
from occbench.pairs.paired import Pairs
from occbench.seeding import generator
from occbench.training import Baseline, Batch, Moment
from occbench.training.recipe import Settings

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """Which part of each batch this process trains on.

    Attributes:
        rank: number of this process.
        world: how many there are.
    """

    rank: int = 0
    world: int = 1


@dataclass(frozen=True, eq=False)
class Feed:
    """Batches of a training run.

    Args:
        pairs, natural, labels: the data; natural photographs and labels may be absent.
        baseline: says which steps see what.
        settings: of the recipe.
        seed: of every draw.
        device: on which batches arrive and are augmented.
        share: of this process.
    """

    pairs: Pairs
    natural: Natural | None
    labels: Labels | None
    baseline: Baseline
    settings: Settings
    seed: int
    device: torch.device
    share: Share = Share()

    def __post_init__(self) -> None:
        parts = self.settings.accumulate * self.share.world
        if self.settings.batch_size % parts:
            raise UsageError(f"batch_size ({self.settings.batch_size}) must be a multiple of accumulate times processes ({parts}).")
        if self.iterations == 0:
            raise UsageError(
                f"The training split has {len(self.pairs)} pairs, fewer than a batch of {self.settings.batch_size}: "
                "choose a smaller one with --set batch_size=N."
            )

    @property
    def iterations(self) -> int:
        """Batches an epoch. What does not fill a batch is left out; another order each epoch leaves out others."""
        return len(self.pairs) // self.settings.batch_size

    def moment(self, step: int) -> Moment:
        """Where a step lies, counted from 1."""
        epoch, iteration = divmod(step - 1, self.iterations)
        return Moment(step, epoch + 1, iteration + 1)

    def batches(self, first: int, last: int, workers: int = 1) -> Iterator[tuple[Moment, list[Batch]]]:
        """The batches of the steps `first` to `last`, each in as many parts as the recipe accumulates, read ahead by threads."""
        ahead: deque[tuple[Moment, Future[list[dict[str, Any]]]]] = deque()
        steps = iter(range(first, last + 1))
        with ThreadPoolExecutor(workers) as threads:
            try:
                while True:
                    while len(ahead) <= 2 * workers and (step := next(steps, None)) is not None:
                        moment = self.moment(step)
                        ahead.append((moment, threads.submit(self._read, moment)))
                    if not ahead:
                        return
                    moment, future = ahead.popleft()
                    yield moment, [self._finished(part) for part in future.result()]
            finally:
                for _, future in ahead:
                    future.cancel()

    def rows(self, moment: Moment) -> Indices:
        """The pairs of a step's whole batch: a slice of this epoch's order."""
        size = self.settings.batch_size
        return _order(self.seed, moment.epoch, len(self.pairs))[(moment.iteration - 1) * size : moment.iteration * size]

    def _read(self, moment: Moment) -> list[dict[str, Any]]:
        """Raw arrays of each part; in a thread."""
        size, settings = self.settings.batch_size, self.settings
        rows = self.rows(moment)
        draws = generator(self.seed, "augment", moment.step)
        margin = self.pairs.size - settings.size if settings.augment.crop else 0
        windows = draws.integers(0, max(margin, 0) + 1, (2, size))
        flips = draws.random(size) < 0.5 if settings.augment.flip else np.zeros(size, np.bool_)
        colours = draws.uniform(-1, 1, (size, 5)).astype(np.float32) * np.float32(settings.augment.colour)
        natural = others = None
        if self.natural is not None and self.baseline.sees_natural(moment):
            count = len(self.natural.images)
            natural = generator(self.seed, "natural", moment.step).choice(count, size, replace=count < size)
        if self.baseline.sees_others:
            others = generator(self.seed, "others", moment.step).integers(0, len(self.pairs), size)
        count = size // (settings.accumulate * self.share.world)
        first = self.share.rank * settings.accumulate
        parts = []
        for number in range(first, first + settings.accumulate):
            at = slice(number * count, (number + 1) * count)
            part: dict[str, Any] = {
                "occluded": self.pairs.occluded[rows[at]],
                "clean": self.pairs.photographs[self.pairs.clean[rows[at]]],
                "mask": self.pairs.masks[rows[at]][..., None],
                "windows": windows[:, at],
                "flips": flips[at],
                "colours": colours[at],
                "seed": int(generator(self.seed, "step", moment.step, number).integers(2**63)),
            }
            if self.labels is not None:
                part["labels"] = self.labels.of(rows[at])
            if natural is not None and self.natural is not None:
                part["natural"] = self.natural.images[natural[at]]
            if others is not None:
                part["others"] = self.pairs.photographs[self.pairs.clean[others[at]]]
                if self.labels is not None:
                    part["other_labels"] = self.labels.of(others[at])
            parts.append({key: self._held(v) if isinstance(v, np.ndarray) else v for key, v in part.items()})
        return parts

    def _held(self, values: npt.NDArray[Any]) -> Tensor:
        """As a tensor; in pinned memory for a GPU, which copies from it while it computes."""
        held = torch.from_numpy(values)
        return held.pin_memory() if self.device.type == "cuda" else held

    def _finished(self, part: dict[str, Any]) -> Batch:
        """A part on the device, augmented, as floats."""
        moved = {key: v.to(self.device, non_blocking=True) if isinstance(v, Tensor) else v for key, v in part.items()}
        images = {
            key: self._images(moved[key], moved["windows"], moved["flips"])
            for key in ("occluded", "clean", "mask", "natural", "others")
            if key in moved
        }
        if self.settings.augment.colour:
            images |= {key: _coloured(value, moved["colours"]) for key, value in images.items() if key != "mask"}
        others = (images["others"], moved.get("other_labels")) if "others" in images else None
        return Batch(
            occluded=images["occluded"],
            clean=images["clean"],
            mask=images["mask"],
            labels=moved.get("labels"),
            natural=images.get("natural"),
            others=others,
            rng=torch.Generator().manual_seed(part["seed"]),
        )

    def _images(self, images: Tensor, windows: Tensor, flips: Tensor) -> Tensor:
        """(B, D, D, C) uint8 to (B, C, S, S) in [0, 1]: a window where one is drawn, mirrored where so drawn, scaled if need be."""
        side = images.shape[1]
        size = self.settings.size
        if self.settings.augment.crop and side > size:
            along = torch.arange(size, device=images.device)
            y, x = (windows[k][:, None] + along for k in (0, 1))
            images = images[torch.arange(len(images), device=images.device)[:, None, None], y[:, :, None], x[:, None, :]]
        if self.settings.augment.flip:
            images = torch.where(flips[:, None, None, None], images.flip(2), images)
        return scaled(images.permute(0, 3, 1, 2).float() / 255, size)


def _coloured(images: Tensor, changes: Tensor) -> Tensor:
    """(B, 3, S, S) in [0, 1] with other contrast, brightness and gains (B, 5), 0 for none."""
    contrast, brightness, gains = changes[:, :1, None, None], changes[:, 1:2, None, None], changes[:, 2:, None, None]
    return (((images - 0.5) * (1 + contrast) + 0.5 + brightness / 2) * (1 + gains / 2)).clamp(0, 1)


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> Indices:
    return np.asarray(generator(seed, "order", epoch).permutation(count), dtype=np.int64)


def scaled(images: Tensor, size: int) -> Tensor:
    """Images (B, C, H, W) as squares of `size` px: bilinear, antialiased; as they are where they have that size."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
