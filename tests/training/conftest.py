"""Tiny training runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
