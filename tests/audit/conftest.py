"""Small data sets whose images are blurred noise, so that no two look alike."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from occbench.images import encode_png, pixel_sha256
from occbench.manifest import MANIFEST, ManifestWriter, Pair
from occbench.manifest.natural import NATURAL, Sight, write_natural

Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="session")
def scene() -> Callable[[int], Image]:
    """`scene(number)`: (64, 64, 3) uint8 of blurred noise, another one for each number."""

    def scene(number: int) -> Image:
        noise = np.random.default_rng(number).integers(0, 256, (9, 9, 3)).astype(np.uint8)
        return np.asarray(cv2.resize(noise, (64, 64), interpolation=cv2.INTER_CUBIC))

    return scene


@pytest.fixture
def make_set(tmp_path: Path, scene: Callable[[int], Image]) -> Callable[..., Path]:
    """`make_set(name, {...}, {...})`: a data set with one pair for each set of changes. Unless they say so, every photograph is its
    own person in the training split, and its image is a scene of its own; `image` is a number of a scene, or an image.
    """

    def make(name: str, *rows: Mapping[str, Any]) -> Path:
        folder = tmp_path / name
        (folder / "clean").mkdir(parents=True)
        with ManifestWriter(folder / MANIFEST) as writer:
            for number, changes in enumerate(rows):
                image = changes.get("image", 1000 * sum(map(ord, name)) + number)
                image = scene(image) if isinstance(image, int) else image
                (folder / f"clean/{number}.png").write_bytes(encode_png(image))
                values: dict[str, Any] = {
                    **dict.fromkeys(("occluder", "variant", "landmark_source"), "x"),
                    **{"pair_id": f"p{number}", "source": "lfw", "index": 0, "seed": 0, "parameters": {}, "attributes": None},
                    **{"image_id": f"{name}-{number}.jpg", "identity": f"{name}-{number}", "split": "train"},
                    **{"landmarks": np.ones((68, 2)), "crop_matrix": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)},
                    **{"coverage": 0.5, "mask_fraction": 0.25, "yaw": 0.0, "pitch": 0.0, "roll": 0.0},
                    **{"source_sha256": pixel_sha256(image), "clean_sha256": pixel_sha256(image)},
                    **dict.fromkeys(("occluded_sha256", "mask_sha256"), "0" * 64),
                    **{"clean_path": f"clean/{number}.png", "occluded_path": "occluded/x.png", "mask_path": "mask/x.png"},
                    **{"width": 64, "height": 64, "warnings": ()},
                }
                writer.write(Pair(**{**values, **{key: value for key, value in changes.items() if key != "image"}}))
        return folder

    return make


@pytest.fixture
def make_natural(tmp_path: Path, scene: Callable[[int], Image]) -> Callable[..., Path]:
    """`make_natural(name, number, split)`: a natural set with one photograph, whose image is that scene."""

    def make(name: str, number: int, split: str) -> Path:
        folder, image = tmp_path / name, scene(number)
        (folder / "images").mkdir(parents=True)
        (folder / "images/0.png").write_bytes(encode_png(image))
        row = Sight(
            *("0.jpg", "rof", "someone", split, "masked", np.ones((68, 2)), "x", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)),
            *(0.0, 0.0, 0.0, None, pixel_sha256(image), pixel_sha256(image), "images/0.png", 64, 64, ()),
        )
        write_natural(folder / NATURAL, [row])
        return folder

    return make
