"""A small data set with people in it: blurred noise, landmarks from the average face, black boxes."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image

from occbench.images import decode_exact, encode_png
from occbench.manifest import MANIFEST, read
from occbench.synthesis.dataset import Selection, synthesise
from occbench.synthesis.recipe import resolve


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, lfw_layout: Callable[[], ModuleType]) -> Path:
    """LFW's layout: 20 people with two photographs of 72 px each, of which 14 people test; two boxes a photograph."""
    module = lfw_layout()
    module.TRAIN = {f"Train_Person{k}": 2 for k in range(6)}
    module.TEST = {f"Test_Person{k}": 2 for k in range(14)}
    root = tmp_path_factory.mktemp("lfw")
    for number, photograph in enumerate(sorted(module.build(root).rglob("*.jpg"))):
        person = sum(map(ord, photograph.parent.name))
        noise = np.random.default_rng(number).integers(0, 256, (9, 9, 3)) + 20 * np.random.default_rng(person).integers(-3, 4, 3)
        image = cv2.resize(np.clip(noise, 0, 255).astype(np.uint8), (72, 72), interpolation=cv2.INTER_CUBIC)
        Image.fromarray(image).save(photograph, quality=95)
    out = tmp_path_factory.mktemp("data") / "set"
    recipe = {"source": "lfw", "occluders": ["black-box"], "landmarks": ["canonical"], "size": 64, "per_image": 2}
    synthesise(Selection(resolve(recipe, "test"), root), out, workers=1)
    return out


@pytest.fixture(scope="session")
def predict(data: Path) -> Callable[[Path, float], Path]:
    """`predict(folder, error)`: predictions of the test split that are the clean images plus an error of that many levels."""

    def predict(folder: Path, error: float) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for pair in read(data / MANIFEST):
            if pair.split == "test":
                clean = decode_exact((data / pair.clean_path).read_bytes()).astype(np.float64)
                noise = np.random.default_rng(len(pair.pair_id) + pair.index).normal(0, error, clean.shape)
                (folder / f"{pair.pair_id}.png").write_bytes(encode_png(np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)))
        return folder

    return predict
