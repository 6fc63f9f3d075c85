"""Small real runs: a fake LFW of noise, landmarks from the average face, occluders that need no textures."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from occbench.synthesis.recipe import resolve
from occbench.synthesis.selection import Selection

QUICK = {"source": "lfw", "occluders": ["black-box", "noise"], "landmarks": ["canonical"], "size": 48, "per_image": 2}


@pytest.fixture(scope="session")
def fake_lfw(tmp_path_factory: pytest.TempPathFactory, lfw_layout: Callable[[], ModuleType]) -> Path:
    """The official layout with 12 people and 21 photographs of 96 px."""
    module = lfw_layout()
    module.TRAIN = dict(list(module.TRAIN.items())[:8])
    module.TEST = dict(list(module.TEST.items())[:4])
    root = tmp_path_factory.mktemp("lfw")
    for photograph in module.build(root).rglob("*.jpg"):
        Image.open(photograph).resize((96, 96)).save(photograph)
    return root


@pytest.fixture
def select(fake_lfw: Path) -> Callable[..., Selection]:
    """`select(key=value, ...)`: the quick recipe with changes, over the fake LFW (or another `root`)."""

    def select(root: Path = fake_lfw, **changes: Any) -> Selection:
        return Selection(resolve({**QUICK, **changes}, "test"), root)

    return select
