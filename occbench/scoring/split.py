"""The pairs of one split of a data set, sorted by pair id, without their pixels."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from occbench.errors import UsageError
from occbench.landmarks.alignment import apply
from occbench.manifest import MANIFEST, Pair, fingerprint, read
from occbench.manifest.natural import is_natural
from occbench.manifest.schema import SPLITS


@dataclass(frozen=True, eq=False)
class Item:
    """What scoring needs of a pair.

    Attributes:
        pair_id, image_id: as in the manifest.
        identity: `source/identity`, unique across sources.
        source, occluder, variant, coverage, mask_fraction, yaw: what it is grouped by.
        pose_template: likewise, where the photograph's attributes say it (VGGFace2's do); else empty.
        points: (68, 2) float32, the landmarks in pixels of the pair's images.
        clean, occluded, mask: (path relative to the data set, pixel sha256) of the three images.
        width, height: of the three images, px.
    """

    pair_id: str
    image_id: str
    identity: str
    source: str
    occluder: str
    variant: str
    coverage: float
    mask_fraction: float
    yaw: float
    pose_template: str
    points: npt.NDArray[np.float32]
    clean: tuple[str, str]
    occluded: tuple[str, str]
    mask: tuple[str, str]
    width: int
    height: int

    @classmethod
    def of(cls, pair: Pair) -> Self:
        """The item of a manifest row."""
        return cls(
            pair.pair_id,
            pair.image_id,
            f"{pair.source}/{pair.identity}",
            pair.source,
            pair.occluder,
            pair.variant,
            pair.coverage,
            pair.mask_fraction,
            pair.yaw,
            str((pair.attributes or {}).get("pose_template", "")),
            apply(pair.crop_matrix, pair.landmarks).astype(np.float32),
            (pair.clean_path, pair.clean_sha256),
            (pair.occluded_path, pair.occluded_sha256),
            (pair.mask_path, pair.mask_sha256),
            pair.width,
            pair.height,
        )


@dataclass(frozen=True)
class Split:
    """A split of a data set.

    Attributes:
        directory: of the data set.
        name: `train`, `val`, `test` or `all`.
        items: its pairs, sorted by pair id.
        fingerprint: of their ids and pixels.
    """

    directory: Path
    name: str
    items: tuple[Item, ...]
    fingerprint: str

    @cached_property
    def sources(self) -> str:
        """The names of its sources."""
        return "+".join(sorted({item.source for item in self.items}))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a pair, indexed by pair id: what pairs are grouped by."""
        names = (
            *("pair_id", "identity", "image_id", "source", "occluder", "variant", "coverage", "mask_fraction", "yaw"),
            "pose_template",
        )
        return pd.DataFrame({name: [getattr(item, name) for item in self.items] for name in names}).set_index("pair_id", drop=False)

    @cached_property
    def identities(self) -> npt.NDArray[np.int64]:
        """(N,) numbers of the pairs' identities, in the order of their names."""
        _, numbers = np.unique([item.identity for item in self.items], return_inverse=True)
        return np.asarray(numbers, dtype=np.int64)


def open_split(directory: Path, name: str) -> Split:
    """Read the manifest of a data set.

    Raises:
        InputError: no manifest, or one that cannot be used.
        UsageError: the split has no pairs (lists the sizes of the others), or nothing there has: it is a natural set.
    """
    if is_natural(directory):
        raise UsageError(
            f"{directory} is a natural set: its photographs have no clean counterparts, so there is no truth to score against. "
            f"Restore them and look (`occbench restore {directory / 'images'} --run RUN --out DIR --sheet`), or learn from them "
            f"(`occbench train-baseline --natural {directory}`)."
        )
    pairs, sizes = [], dict.fromkeys(SPLITS, 0)
    for pair in read(directory / MANIFEST):
        sizes[pair.split] += 1
        if name in ("all", pair.split):
            pairs.append(pair)
    if not pairs:
        listing = ", ".join(f"{split} {size}" for split, size in sizes.items() if size)
        raise UsageError(f"The split {name!r} of {directory} has no pairs. Pairs by split: {listing or 'none'}.")
    pairs.sort(key=lambda pair: pair.pair_id)
    return Split(directory, name, tuple(map(Item.of, pairs)), fingerprint(pairs))


def pseudonym(fingerprint: str, identity: str) -> str:
    """16 hexadecimal digits for an identity, the same for all methods on one data set, from which no name can be read."""
    return hashlib.sha256(f"{fingerprint}\n{identity}".encode()).hexdigest()[:16]
