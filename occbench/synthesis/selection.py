"""The photographs that a recipe asks for: which, how many, and what a run over them would give."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from occbench.errors import Rejected, UsageError
from occbench.faces import Face, Source, open_source
from occbench.images import decode, read_bytes
from occbench.landmarks import default
from occbench.manifest.schema import SPLITS
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

    Raises:
        UsageError: no such source.
        InputError: no usable photographs at `root`.
    """

    def __init__(self, recipe: Recipe, root: Path | None, options: Mapping[str, Any] | None = None) -> None:
        self.root = root.resolve() if root is not None else None
        self.options = tuple(sorted((options or {}).items()))
        self.source: Source = open_source(recipe.source, self.root, **dict(self.options))
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
        return {split: sizes[split] for split in SPLITS if sizes[split]}, digest.hexdigest()

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
        photographs = sum(self.sizes.values())
        pairs = photographs * self.recipe.pairs_per_photograph
        document: dict[str, Any] = {
            "photographs": photographs,
            "photographs_by_split": self.sizes,
            "pairs": pairs,
            "pairs_by_split": {split: size * self.recipe.pairs_per_photograph for split, size in self.sizes.items()},
            "bytes": None,
        }
        area = self.recipe.size**2 if self.recipe.crop == "aligned" else _mean_area(islice(self.faces(), _LOOKED_AT))
        if area is not None:
            document["bytes"] = round(area * ((photographs + pairs) * _BYTES["image"] + pairs * _BYTES["mask"]))
        return document


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
