"""What a run is over: the photographs that a recipe asks for, or rows of a manifest that are to be rebuilt; which, and how many."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

from occbench.digest import file_sha256
from occbench.errors import InputError, Rejected, UsageError
from occbench.faces import Face, Source, open_source
from occbench.images import decode, read_bytes
from occbench.landmarks import default
from occbench.manifest import Pair, batches, read, rows_at
from occbench.manifest.schema import FROM_PACK, IMPORTED, SPLITS
from occbench.synthesis.recipe import Recipe

# Bytes of PNG a pixel, measured on LFW at 128 px with the default recipe: clean and occluded image, mask.
_BYTES = {"image": 2.1, "mask": 0.12}
_LOOKED_AT = 16  # photographs, to estimate how large they are


class Selection:
    """The photographs that a recipe asks for.

    Args:
        recipe: its source, split and limit matter. Where it names no landmark detectors, `Selection.recipe` has the default.
        root: folder of the photographs, or None for sources that bring their own.
        options: further options of the source.

    Attributes:
        said: the options as plain data. Files are told by name and sha256, for their places differ between machines.

    Raises:
        UsageError: no such source.
        InputError: no usable photographs at `root`, or an option's file that cannot be read.
    """

    def __init__(self, recipe: Recipe, root: Path | None, options: Mapping[str, Any] | None = None) -> None:
        self.root = root.resolve() if root is not None else None
        self.options = tuple(sorted((options or {}).items()))
        self.source: Source = open_source(recipe.source, self.root, **dict(self.options))
        self.said = {name: _said(value) for name, value in self.options}
        self.recipe = recipe if recipe.landmarks is not None else replace(recipe, landmarks=default(self.source))

    def faces(self) -> Iterator[Face]:
        """In the order of their ids."""
        wanted = (face for face in self.source.faces() if self.recipe.split in ("all", face.split))
        return islice(wanted, self.recipe.limit)

    @cached_property
    def _census(self) -> tuple[dict[str, int], str]:
        sizes: Counter[str] = Counter()
        digest = hashlib.sha256()
        for face in self.faces():
            sizes[face.split] += 1
            entry = [face.image_id, face.identity, face.split, face.points, face.box, _size(face.path)]
            digest.update(json.dumps(entry).encode() + b"\n")
        return _in_order(sizes), digest.hexdigest()

    @property
    def sizes(self) -> dict[str, int]:
        """Photographs by split.

        Raises:
            UsageError: there are none.
        """
        sizes, _ = self._census
        if not sizes:
            others = Counter(face.split for face in self.source.faces())
            listing = ", ".join(f"{split} {others[split]}" for split in SPLITS if others[split])
            raise UsageError(
                f"The split {self.recipe.split!r} of {self.recipe.source} has no photographs. "
                f"Photographs by split: {listing or 'none'}."
            )
        return sizes

    @property
    def digest(self) -> str:
        """sha256 over what the source says of the photographs, and the sizes of their files."""
        return self._census[1]

    def estimate(self) -> dict[str, Any]:
        """What a run would give if every photograph gave all its pairs: counts by split, and bytes (None: unknown)."""
        each = self.recipe.pairs_per_photograph
        pairs = {split: size * each for split, size in self.sizes.items()}
        area = self.recipe.size**2 if self.recipe.crop == "aligned" else _mean_area(islice(self.faces(), _LOOKED_AT))
        areas = None if area is None else (area * sum(self.sizes.values()), area * sum(pairs.values()))
        return _estimate(self.sizes, pairs, areas)


class Rows:
    """The rows of a manifest that are to be rebuilt: those of one split, or all, of at most `limit` photographs.

    Attributes:
        source: registry name of the source.

    Raises:
        InputError: no usable manifest, or an empty one.
        UsageError: a limit below 1, or rows that nobody can render again.
    """

    def __init__(self, manifest: Path, split: str = "all", limit: int | None = None) -> None:
        if limit is not None and limit < 1:
            raise UsageError(f"limit is a whole number from 1, not {limit}.")
        self.manifest, self.split, self.limit = manifest, split, limit
        first = next(rows_at(manifest, {0}), None)
        if first is None:
            raise InputError(f"{manifest} has no rows.")
        if IMPORTED in first.parameters:
            raise UsageError(
                f"{manifest} is of pairs that somebody else has made and `occbench import` brought in: how they were drawn is not "
                "known, so they cannot be rebuilt. Import them again from their files."
            )
        if first.landmark_source == FROM_PACK:
            raise UsageError(
                f"{manifest} is of pairs made from an overlay pack: it does not say where the faces are, so they cannot be rebuilt "
                "from it. Make them from the pack again: --overlays PACK."
            )
        self.source = first.source

    def photographs(self) -> Iterator[tuple[Pair, ...]]:
        """Those of each photograph."""
        rows = (row for row in read(self.manifest) if self.split in ("all", row.split))
        return islice((tuple(group) for _, group in groupby(rows, lambda row: (row.source, row.image_id))), self.limit)

    @property
    def sizes(self) -> dict[str, int]:
        """Photographs by split.

        Raises:
            InputError: the manifest is damaged.
            UsageError: it has nothing of this split.
        """
        return self._census[0]

    def estimate(self) -> dict[str, Any]:
        """As `Selection.estimate`; raises as `sizes`."""
        return _estimate(*self._census)

    @cached_property
    def _census(self) -> tuple[dict[str, int], dict[str, int], tuple[int, int]]:
        """Photographs and pairs by split, and pixels of clean images and of occluded ones."""
        photographs, pairs, splits = Counter[str](), Counter[str](), set[str]()
        clean, occluded, last = 0, 0, ("", "")
        names = ("source", "image_id", "split", "width", "height")
        columns = ((batch.column(name).to_pylist() for name in names) for batch in batches(self.manifest, names))
        for source, image_id, split, width, height in chain.from_iterable(zip(*some, strict=True) for some in columns):
            splits.add(split)
            if self.split not in ("all", split):
                continue
            if (source, image_id) != last:
                if photographs.total() == self.limit:
                    break
                last, clean = (source, image_id), clean + width * height
                photographs[split] += 1
            pairs[split] += 1
            occluded += width * height
        if not pairs:
            raise UsageError(f"{self.manifest} has no rows of the split {self.split!r}, only of {', '.join(sorted(splits))}.")
        return _in_order(photographs), _in_order(pairs), (clean, occluded)


def _estimate(photographs: dict[str, int], pairs: dict[str, int], areas: tuple[float, float] | None) -> dict[str, Any]:
    """What `synth --dry-run` says: counts by split, and bytes from the pixels of all clean and of all occluded images."""
    return {
        "photographs": sum(photographs.values()),
        "photographs_by_split": photographs,
        "pairs": sum(pairs.values()),
        "pairs_by_split": pairs,
        "bytes": None if areas is None else round(sum(areas) * _BYTES["image"] + areas[1] * _BYTES["mask"]),
    }


def _in_order(sizes: Mapping[str, int]) -> dict[str, int]:
    return {split: sizes[split] for split in SPLITS if sizes[split]}


def _said(value: Any) -> Any:
    if not isinstance(value, Path):
        return value
    try:
        return {"file": value.name, "sha256": file_sha256(value)}
    except OSError as error:
        raise InputError(f"{value} cannot be read: {error.strerror}.") from None


def _mean_area(faces: Iterable[Face]) -> float | None:
    """Mean number of pixels of those photographs that can be decoded."""
    areas = []
    for face in faces:
        with suppress(Rejected):
            height, width, _ = decode(read_bytes(face.path)).shape
            areas.append(height * width)
    return sum(areas) / len(areas) if areas else None


def _size(path: Path) -> int | None:
    """Bytes of a photograph's file: enough to tell two copies of a source apart that differ in more than their place."""
    try:
        return path.stat().st_size
    except OSError:
        return None
