"""A small data set on disk, drawn from nothing but random numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occbench.images import encode_png, pixel_sha256
from occbench.manifest import MANIFEST, ManifestWriter, Pair
from occbench.manifest.ids import pair_id, photo_id

MakePair = Callable[..., Pair]


@pytest.fixture(scope="session")
def make_pair() -> MakePair:
    """`make_pair(number, **changes)`: a valid row, four to a photograph, two photographs to a person."""

    def make(number: int = 0, **changes: Any) -> Pair:
        photo, kind = divmod(number, 4)
        image_id = f"Person_{photo // 2}/Person_{photo // 2}_{photo % 2}.jpg"
        occluder = ("black-box", "cup", "mask", "sunglasses")[kind]
        name = pair_id("sample", image_id, occluder, 0)
        values: dict[str, Any] = {
            "pair_id": name,
            "source": "sample",
            "image_id": image_id,
            "identity": f"Person_{photo // 2}",
            "split": ("train", "val", "test")[photo // 2 % 3],
            "occluder": occluder,
            "variant": "plain",
            "index": 0,
            "seed": 7,
            "parameters": {"tilt": 1.25, "corners": [[1, 2.5], [3, 4]], "name": "größe"},
            "landmarks": np.arange(136).reshape(68, 2) / 10 + photo,
            "landmark_source": "test 1",
            "crop_matrix": (0.5, -0.125, 3.000001, 0.125, 0.5, -7.0),
            "coverage": 0.25,
            "mask_fraction": 0.125,
            "yaw": -12.5,
            "pitch": 3.0,
            "roll": 0.0,
            "attributes": {"smiling": True} if photo % 2 else None,
            "source_sha256": "a" * 64,
            "clean_sha256": "b" * 64,
            "occluded_sha256": "c" * 64,
            "mask_sha256": "d" * 64,
            "clean_path": f"clean/0000/{photo_id('sample', image_id)}.png",
            "occluded_path": f"occluded/0000/{name}.png",
            "mask_path": f"mask/0000/{name}.png",
            "width": 24,
            "height": 16,
            "warnings": ("upscaled",) if kind == 1 else (),
        }
        return Pair(**{**values, **changes})

    return make


@pytest.fixture
def dataset(tmp_path: Path, make_pair: MakePair) -> Path:
    """12 pairs of 3 photographs, with all their images, as they should be."""
    rng = np.random.default_rng(1)
    with ManifestWriter(tmp_path / MANIFEST, seed=7, recipe_fingerprint="e" * 64) as writer:
        for number in range(12):
            row = make_pair(number)
            if number % 4 == 0:
                clean = rng.integers(0, 256, (row.height, row.width, 3), dtype=np.uint8)
            mask = np.zeros((row.height, row.width), np.uint8)
            mask[4:8, 6 : 10 + number] = 200
            occluded = np.where(mask[:, :, None] > 0, 255 - clean, clean)
            images = {row.clean_path: clean, row.occluded_path: occluded, row.mask_path: mask}
            for path, image in images.items():
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_bytes(encode_png(image))
            hashes = [pixel_sha256(image) for image in images.values()]
            writer.write(make_pair(number, clean_sha256=hashes[0], occluded_sha256=hashes[1], mask_sha256=hashes[2]))
    return tmp_path
