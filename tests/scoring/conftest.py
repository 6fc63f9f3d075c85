"""Predictions for the small data set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occbench.images import decode_exact, encode_png
from occbench.manifest import MANIFEST, read


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
