"""Every data set is a Hugging Face `imagefolder` as it is."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occbench.images import pixel_sha256
from occbench.manifest import MANIFEST, read

COLUMNS = (
    *("clean", "occluded", "mask", "pair_id", "source", "image_id", "identity", "split", "occluder", "variant", "index"),
    *("coverage", "mask_fraction", "yaw", "pitch", "roll", "width", "height", "warnings"),
)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`load(name or folder, ...)`: `datasets.load_dataset`, without network, with a cache of its own."""
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")
    if "HF_HOME" not in os.environ:
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install 'occbench[test]'")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()

    def load(*arguments: Any, **options: Any) -> Any:
        return datasets.load_dataset(*arguments, cache_dir=str(tmp_path / "cache"), **options)

    return load


def promised(made: Path, split: str | None = None) -> dict[str, tuple[str, ...]]:
    rows = (row for row in read(made / MANIFEST) if split in (None, row.split))
    return {row.pair_id: (row.clean_sha256, row.occluded_sha256, row.mask_sha256) for row in rows}


def loaded(rows: Any) -> dict[str, tuple[str, ...]]:
    return {row["pair_id"]: tuple(pixel_sha256(np.asarray(row[kind])) for kind in ("clean", "occluded", "mask")) for row in rows}


def test_imagefolder_gives_the_rows_with_decoded_images(load: Any, made: Path) -> None:
    rows = load("imagefolder", data_dir=str(made), split="train")
    assert tuple(rows.column_names) == COLUMNS
    assert loaded(rows) == promised(made)


def test_the_folder_itself_can_be_loaded_as_its_card_says(load: Any, made: Path) -> None:
    rows = load(str(made), split="pairs")
    assert tuple(rows.column_names) == COLUMNS
    assert loaded(rows) == promised(made)


@pytest.mark.parametrize("split", ["train", "test"])
def test_one_split_alone(load: Any, made: Path, split: str) -> None:
    assert loaded(load(str(made), split="pairs", filters=[("split", "==", split)])) == promised(made, split)


def test_people_called_like_splits_do_no_harm(load: Any, data: Path) -> None:
    """Left to itself, `imagefolder` takes `lfw.test_person3.….png`, or LFW's Val Ackerman, for a split, and forgets the rows."""
    assert loaded(load(str(data), split="pairs")) == promised(data)
    assert loaded(load("imagefolder", data_dir=str(data), data_files="metadata.jsonl", split="train")) == promised(data)
