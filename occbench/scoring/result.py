"""A result on disk: `result.json`, sums an identity, values an image, pictures. And how it is read again."""

import hashlib
import io
import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from occbench import __version__
from occbench.atomic import writing
from occbench.images import encode_png, write_atomic
from occbench.manifest.pixels import load
from occbench.scoring.split import Item, Split, pseudonym
from occbench.scoring.values import Given
from occbench.synthesis.sheet import contact_sheet

Array = npt.NDArray[Any]
Document = dict[str, Any]

SCHEMA = 1
RESULT, PER_IMAGE, PER_IDENTITY, IMAGES, FIGURE = "result.json", "per_image.parquet", "per_identity.parquet", "images", "figure.png"
SHOWN = 12  # pairs whose images go with a result, the same for every method
_EACH = 8  # best, median and worst restorations in the figure
_PACKAGES = ("numpy", "scipy", "opencv-python-headless", "pillow", "scikit-image", "torch", "dlib-bin")


def environment() -> dict[str, str]:
    """Versions of what the numbers were computed with."""
    found = {"occbench": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def per_image(split: Split, values: Mapping[str, Array], occluded: Mapping[str, Array]) -> pd.DataFrame:
    """`pair_id`, and each column of the method and of the occluded input."""
    table = {"pair_id": [item.pair_id for item in split.items], **values}
    return pd.DataFrame(table | {f"{name}_occluded": column for name, column in occluded.items()})


def per_identity(split: Split, values: Mapping[str, Array], occluded: Mapping[str, Array]) -> pd.DataFrame:
    """Sums and counts an identity, under pseudonyms: enough for intervals and paired tests, small enough to commit.

    A pair counts in a column where both the method's and the input's value are defined.
    """
    numbers = split.identities
    _, first = np.unique(numbers, return_index=True)
    size = len(first)
    table: dict[str, Any] = {
        "identity": [pseudonym(split.fingerprint, split.items[k].identity) for k in first],
        "n": np.bincount(numbers, minlength=size).astype(np.int32),
    }
    for name, column in values.items():
        defined = ~np.isnan(column) & ~np.isnan(occluded[name])
        table[f"{name}_sum"] = _sums(numbers[defined], column[defined], size)
        table[f"{name}_count"] = np.bincount(numbers[defined], minlength=size).astype(np.int32)
        table[f"{name}_occluded_sum"] = _sums(numbers[defined], occluded[name][defined], size)
    return pd.DataFrame(table).sort_values("identity", ignore_index=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """A table as Parquet, whole or not at all."""
    stream = io.BytesIO()
    table.to_parquet(stream, index=False, compression="zstd")
    write_atomic(path, stream.getvalue())


def write_document(document: Document, path: Path) -> None:
    """JSON without NaN or Infinity.

    Raises:
        ValueError: one of them is there.
    """
    write_atomic(path, json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")


def shown(split: Split) -> list[Item]:
    """Pairs whose images go with a result: chosen by the data alone, occluders in turn, each by the hash of its pair ids."""
    by_hash = sorted(split.items, key=lambda item: hashlib.sha256(item.pair_id.encode()).digest())
    kinds = sorted({item.occluder for item in split.items})
    queues = {kind: [item for item in by_hash if item.occluder == kind] for kind in kinds}
    chosen: list[Item] = []
    while len(chosen) < min(SHOWN, len(split.items)):
        chosen += [queues[kind].pop(0) for kind in kinds if queues[kind]][: SHOWN - len(chosen)]
    return chosen


def write_images(split: Split, given: Given, items: Sequence[Item], folder: Path) -> None:
    """`<pair_id>.png`, `<pair_id>.clean.png` and `<pair_id>.occluded.png` of some pairs."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        clean, occluded, restored = _three(split, given, item)
        for suffix, image in (("", restored), (".clean", clean), (".occluded", occluded)):
            write_atomic(folder / f"{item.pair_id}{suffix}.png", encode_png(image))


def write_figure(split: Split, given: Given, values: Array, title: str, unit: str, path: Path) -> None:
    """The best, the median and the worst restorations, by one column of values; nothing where none is defined."""
    order = np.argsort(-values, kind="stable")
    order = order[~np.isnan(values[order])]
    if not len(order):
        return
    middle = max(0, (len(order) - _EACH) // 2)
    groups = {"1 best": order[:_EACH], "2 median": order[middle : middle + _EACH], "3 worst": order[::-1][:_EACH]}
    rows = []
    for label, numbers in groups.items():
        for k in numbers:
            clean, occluded, restored = _three(split, given, split.items[k])
            rows.append((occluded, restored, clean, f"{label}/{values[k]:.2f}{unit}"))
    contact_sheet(rows, path, title, "occluded, restored, clean")


def _three(split: Split, given: Given, item: Item) -> tuple[Any, Any, Any]:
    clean, occluded, mask = (load(split.directory, *image) for image in (item.clean, item.occluded, item.mask))
    images, _ = given.images([item], [clean], [occluded], [mask])
    return clean, occluded, images[0]


def _sums(numbers: Array, column: Array, size: int) -> Array:
    return np.bincount(numbers, weights=column, minlength=size)
