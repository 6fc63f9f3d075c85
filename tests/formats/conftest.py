"""A small data set with drawn objects and a black box, and the photographs that it was made from."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image

from occbench.synthesis.dataset import synthesise
from occbench.synthesis.recipe import resolve
from occbench.synthesis.selection import Selection


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory, lfw_layout: Callable[[], ModuleType]) -> Path:
    """LFW's layout: blurred noise, 9 people with 13 photographs of 96 px."""
    module = lfw_layout()
    module.TRAIN = {"Ann_Archer": 3, "Bob_Baker": 2, "Cy_Cook": 1, "Di_Dean": 1, "Ed_Eng": 1}
    module.TEST = {"Flo_Fox": 2, "Gus_Gray": 1, "Hal_Hill": 1, "Ina_Iles": 1}
    root = tmp_path_factory.mktemp("lfw")
    for number, photograph in enumerate(sorted(module.build(root).rglob("*.jpg"))):
        noise = np.random.default_rng(number).integers(40, 220, (7, 7, 3), dtype=np.uint8)
        Image.fromarray(cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC)).save(photograph, quality=95)
    return root


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """Three pairs of each photograph, 64 px."""
    out = tmp_path_factory.mktemp("made") / "set"
    recipe = {"source": "lfw", "occluders": ["mask", "cup", "black-box"], "landmarks": ["canonical"], "size": 64}
    synthesise(Selection(resolve(recipe, "test"), photographs), out, workers=1)
    return out
