"""The pairs of a split as arrays."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench import weights
from occbench.errors import InputError, UsageError
from occbench.manifest import MANIFEST, Pair, fingerprint, read
from occbench.manifest.pixels import load
from occbench.manifest.schema import SPLITS
from occbench.pairs.store import Image, create, fill, opened, stored
from occbench.processes import available, mapped

_SHARD = 64  # images decoded by one task

Progress = Callable[[int, int], None]  # images decoded, of how many


@dataclass(frozen=True, eq=False)
class Pairs:
    """One split of a data set, sorted by pair id.

    Attributes:
        fingerprint: of pair ids and pixels, as scoring reports it.
        pair_ids: (N) names.
        occluded: (N, S, S, 3) uint8 RGB.
        masks: (N, S, S) uint8 alpha, 0 = visible.
        photographs: (M, S, S, 3) uint8 RGB, the clean images, each once.
        clean: (N,) which of them belongs to a pair.
        identities: (N) `source/identity`.
        attributes: (N) what the source says of the photograph, or None.
    """

    fingerprint: str
    pair_ids: Sequence[str]
    occluded: Image
    masks: Image
    photographs: Image
    clean: npt.NDArray[np.int64]
    identities: Sequence[str]
    attributes: Sequence[Mapping[str, Any] | None]

    def __len__(self) -> int:
        return len(self.pair_ids)

    @property
    def size(self) -> int:
        """Side of the images, px."""
        return int(self.occluded.shape[1])


@dataclass(frozen=True)
class _Decoding:
    """One task: some images of a data set into rows of an array."""

    directory: Path
    array: Path
    first: int
    files: tuple[tuple[str, str], ...]  # relative path, sha256 of its pixels


def open_pairs(
    directory: Path,
    split: str,
    *,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = lambda done, total: None,
) -> Pairs:
    """Open a split of a data set; the first time, decode its images (compared with their hashes) into a cache.

    Args:
        directory: of the data set.
        split: `train`, `val` or `test`.
        cache: folder for arrays; default the user's cache. A pair of 128 px takes 112 KB in it.
        workers: processes that decode; default all cores.
        progress: called while decoding.

    Raises:
        InputError: no manifest, or images that are missing, damaged, others than promised, or not squares of one size.
        UsageError: the split has no pairs; lists the sizes of the others.
        RunError: the disk is full.
    """
    rows, sizes = [], dict.fromkeys(SPLITS, 0)
    for pair in read(directory / MANIFEST):
        sizes[pair.split] += 1
        if pair.split == split:
            rows.append(pair)
    if not rows:
        listing = ", ".join(f"{name} {size}" for name, size in sizes.items() if size)
        raise UsageError(
            f"{directory} has no pairs in its split {split!r}, which training needs. Pairs by split: {listing or 'none'}."
        )
    rows.sort(key=lambda pair: pair.pair_id)
    size = _size(directory, rows)
    clean: dict[tuple[str, str], int] = {}
    numbers = [clean.setdefault((pair.clean_path, pair.clean_sha256), len(clean)) for pair in rows]
    mark = fingerprint(rows)
    folder = (cache or weights.user_cache()) / "pairs" / mark[:32]
    arrays = {
        "occluded": ([(pair.occluded_path, pair.occluded_sha256) for pair in rows], (size, size, 3)),
        "masks": ([(pair.mask_path, pair.mask_sha256) for pair in rows], (size, size)),
        "photographs": (list(clean), (size, size, 3)),
    }

    def make(into: Path) -> dict[str, Any]:
        for name, (files, shape) in arrays.items():
            create(into / f"{name}.npy", (len(files), *shape))
        tasks = [task for name, (files, _) in arrays.items() for task in _tasks(directory, into / f"{name}.npy", files)]
        total = sum(len(files) for files, _ in arrays.values())
        done = 0
        for count in mapped(partial(_decode, size=size), tasks, workers or available()):
            done += count
            progress(done, total)
        return {"fingerprint": mark}

    stored(folder, make)
    return Pairs(
        mark,
        [pair.pair_id for pair in rows],
        opened(folder / "occluded.npy"),
        opened(folder / "masks.npy"),
        opened(folder / "photographs.npy"),
        np.array(numbers),
        [f"{pair.source}/{pair.identity}" for pair in rows],
        [pair.attributes for pair in rows],
    )


def _size(directory: Path, pairs: Sequence[Pair]) -> int:
    shapes = {(pair.width, pair.height) for pair in pairs}
    width, height = min(shapes)
    if len(shapes) > 1 or width != height:
        some = " and ".join(f"{w}×{h}" for w, h in sorted(shapes)[:2])
        raise InputError(
            f"{directory}: networks learn from squares of one size, and there are {some} pixels: make the data set with "
            "--crop aligned and one --size."
        )
    return width


def _tasks(directory: Path, array: Path, files: Sequence[tuple[str, str]]) -> Iterator[_Decoding]:
    for first in range(0, len(files), _SHARD):
        yield _Decoding(directory, array, first, tuple(files[first : first + _SHARD]))


def _decode(task: _Decoding, size: int) -> int:
    images = [load(task.directory, relative, sha256) for relative, sha256 in task.files]
    channels = 3 if images[0].ndim == 3 else 1
    for (relative, _), image in zip(task.files, images, strict=True):
        if image.shape[:2] != (size, size) or image.ndim != images[0].ndim:
            raise InputError(f"{task.directory / relative} has not {size}×{size} pixels of {channels} channels.")
    fill(task.array, task.first, images)
    return len(images)
