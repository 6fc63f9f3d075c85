"""Manifests without images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occbench.manifest import MANIFEST, ManifestWriter, Pair


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """`manifest({...}, {...})`: a manifest with one row for each set of changes to a plain row."""

    def write(*rows: dict[str, Any]) -> Path:
        with ManifestWriter(tmp_path / MANIFEST) as writer:
            for number, changes in enumerate(rows):
                values: dict[str, Any] = {
                    **dict.fromkeys(("source", "image_id", "identity", "occluder", "variant", "landmark_source"), "x"),
                    **{"pair_id": f"p{number}", "split": "train", "index": 0, "seed": 0, "parameters": {}},
                    **{"landmarks": np.ones((68, 2)), "crop_matrix": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), "attributes": None},
                    **{"coverage": 0.5, "mask_fraction": 0.25, "yaw": 0.0, "pitch": 0.0, "roll": 0.0},
                    **dict.fromkeys(("source_sha256", "clean_sha256", "occluded_sha256", "mask_sha256"), "0" * 64),
                    **{f"{folder}_path": f"{folder}/x.png" for folder in ("clean", "occluded", "mask")},
                    **{"width": 128, "height": 128, "warnings": ()},
                }
                writer.write(Pair(**{**values, **changes}))
        return tmp_path / MANIFEST

    return write
