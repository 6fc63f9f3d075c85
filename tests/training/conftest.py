"""Tiny training runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occbench.pairs.paired import Pairs
from occbench.training.loop import Observer
from occbench.training.recipe import resolve
from occbench.training.train import train

TINY = ("size=32", "base=2", "batch_size=4", "log_every=1", "validation.pairs=2", "optimizer.lr=1e-3")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(data: Path, cache: Path, tmp_path: Path) -> Callable[..., Path]:
    """`run("name", steps, *changes, **options)`: train a tiny context encoder in `tmp_path / name`."""

    def run(name: str, steps: int, *changes: str, **options: Any) -> Path:
        recipe = resolve("context-encoder", variant=options.pop("variant", None), changes=[*TINY, *changes])
        observer = options.pop("observer", Observer())
        train(recipe, data, tmp_path / name, steps=steps, device="cpu", cache=cache, observer=observer, **options)
        return tmp_path / name

    return run


@pytest.fixture
def pairs() -> Callable[..., Pairs]:
    """`pairs(count, size)`: pairs whose pixels say who they are: occluded, clean and mask of pair k hold k, k and k."""

    def pairs(count: int, size: int, people: Sequence[str] | None = None) -> Pairs:
        number = np.arange(count, dtype=np.uint8)[:, None, None]
        gray = np.broadcast_to(number, (count, size, size))
        along = np.broadcast_to(np.arange(size, dtype=np.uint8), (count, size, size))
        down = along.swapaxes(1, 2)
        images = np.stack([gray, along, down], axis=-1)
        names = [f"pair-{k}" for k in range(count)]
        return Pairs("0" * 64, names, images, along, images, np.arange(count), people or names, [None] * count)

    return pairs
