"""What tests of several baselines learn from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from occbench.images import encode_png
from occbench.synthesis.dataset import synthesise
from occbench.synthesis.recipe import resolve
from occbench.synthesis.selection import Selection
from occbench.training import Batch


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """`batch(pairs=2, size=64, rows=None, columns=None)`: pairs of noise, hidden there; by default in the lower half."""

    def batch(pairs: int = 2, size: int = 64, rows: slice | None = None, columns: slice | None = None) -> Batch:
        draws = torch.Generator().manual_seed(5)
        occluded, clean = (torch.rand((pairs, 3, size, size), generator=draws) for _ in range(2))
        mask = torch.zeros(pairs, 1, size, size)
        mask[:, :, rows or slice(size // 2, None), columns or slice(None)] = 1
        return Batch(occluded, clean, mask, None, None, None, draws)

    return batch


@pytest.fixture(scope="session")
def sixteen(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """`sixteen(size)`: a data set of sixteen masked faces of LFW."""

    def sixteen(size: int) -> Path:
        out = tmp_path_factory.mktemp("sixteen") / "data"
        recipe = {"source": "lfw", "occluders": ["mask"], "size": size, "split": "train", "limit": 16}
        synthesise(Selection(resolve(recipe, "test"), shared / "data" / "lfw"), out, workers=1)
        return out

    return sixteen


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of decoded pairs and of natural faces that have been found."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def natural(tmp_path_factory: pytest.TempPathFactory, astronaut: npt.NDArray[np.uint8]) -> Path:
    """Two photographs of one astronaut."""
    folder = tmp_path_factory.mktemp("natural")
    (folder / "one.png").write_bytes(encode_png(np.ascontiguousarray(astronaut[:300, 50:400])))
    (folder / "two.png").write_bytes(encode_png(np.ascontiguousarray(astronaut[:280, 80:380, ::-1])))
    return folder
