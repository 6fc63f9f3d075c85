"""Fixtures shared by all tests."""

import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

# Before torch is imported: the tests' processes share the cores, and threads that wait for each other would cost minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from occbench.errors import OccbenchError
from occbench.faces import open_source
from occbench.landmarks import create
from occbench.pairs.paired import Pairs
from occbench.synthesis.dataset import synthesise
from occbench.synthesis.recipe import resolve
from occbench.synthesis.selection import Selection


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared real faces and model files; skips where it is missing."""
    root = Path(os.environ.get("OCCBENCH_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (root / "data").is_dir():
        pytest.skip(f"no shared real faces at {root} (set OCCBENCH_SHARED)")
    return root


@pytest.fixture
def with_mediapipe(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared folder, where MediaPipe can be used: skips without the package, its model or the system's libraries."""
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    try:
        create("mediapipe", open_source("sample", None))
    except OccbenchError as error:
        pytest.skip(str(error))
    return shared


@pytest.fixture(scope="session")
def astronaut() -> npt.NDArray[np.uint8]:
    """A public-domain portrait, (512, 512, 3) uint8 RGB."""
    from skimage import data

    return np.asarray(data.astronaut(), dtype=np.uint8)


@pytest.fixture(scope="session")
def lfw_layout() -> Callable[[], ModuleType]:
    """`lfw_layout()`: `tests/data/lfw.py`, imported anew, so that its people may be changed."""

    return lambda: _imported("lfw")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory, lfw_layout: Callable[[], ModuleType]) -> Path:
    """A small data set: blurred noise, landmarks from the average face, black boxes.

    LFW's layout: 20 people with two photographs of 72 px each, of which 14 people test; two boxes a photograph.
    """
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


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, str]]:
    """`tree(folder)`: relative path to sha256 of every file."""

    def tree(folder: Path) -> dict[str, str]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return tree


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    """`tests/data/imports.py`: fake copies of other people's layouts."""
    return _imported("imports")


def _imported(name: str) -> ModuleType:
    """`tests/data/<name>.py`, imported anew."""
    spec = importlib.util.spec_from_file_location(f"fake_{name}", Path(__file__).resolve().parent / "data" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
