"""What a manifest holds, counted in one pass over some of its columns; no image is opened.

Photographs and people are kept as hashes, 16 bytes for each photograph whose rows follow each other (as occbench writes them; at
worst 16 bytes a row), and once more while they are sorted. Everything else is a count whose size does not depend on the rows.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.images import MAX_SIDE
from occbench.manifest import batches, read_rejects
from occbench.manifest.schema import SPLITS

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
COVERAGE_EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # lower edges, as scores are grouped; the last bin is open
POSE_EDGES = (-45, -30, -15, 0, 15, 30, 45)  # degrees, between the bins; the first and the last bin are open
ALBUM_EDGES = (1, 2, 3, 5, 9, 17, 33, 65)  # photographs of a person, lower edges; the last bin is open
POSES = ("yaw", "pitch", "roll")

_COLUMNS = (
    *("source", "image_id", "identity", "split", "occluder", "variant"),
    *("landmark_source", "coverage", *POSES, "width", "height", "warnings"),
)
_FINE = 1000  # bins of coverage, a thousandth each
_TURN = 360

Counts = npt.NDArray[np.int64]


class Tally:
    """The counts of one manifest. Equal manifests give equal counts.

    Args:
        manifest: Parquet file.

    Attributes:
        pairs: of each split.
        kinds: (occluder, variant) to its pairs in each split.
        detectors: signature of the landmark detector to pairs.
        warnings: code to pairs.

    Raises:
        InputError: no usable manifest.
    """

    def __init__(self, manifest: Path) -> None:
        self.pairs: Counter[str] = Counter()
        self.kinds: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.detectors: Counter[str] = Counter()
        self.warnings: Counter[str] = Counter()
        self._coverage: defaultdict[str, Counts] = defaultdict(lambda: np.zeros(_FINE + 1, np.int64))
        self._pose = {pose: np.zeros(2 * _TURN + 1, np.int64) for pose in POSES}  # whole degrees, rounded down
        self._sides = {side: np.zeros(MAX_SIDE + 1, np.int64) for side in ("width", "height")}
        # Of each split two columns of hashes, the photograph and its person.
        self._photographs: dict[str, Any] = {split: array("q") for split in SPLITS}
        self._people: dict[str, Any] = {split: array("q") for split in SPLITS}
        last = None
        for batch in batches(manifest, _COLUMNS):
            texts = {name: batch.column(name).to_pylist() for name in _COLUMNS[:6]}
            for photograph in zip(*(texts[name] for name in ("source", "image_id", "identity", "split")), strict=True):
                if photograph != last:
                    source, image_id, identity, split = last = photograph
                    self._photographs[split].append(hash((source, image_id)))
                    self._people[split].append(hash((source, identity)))
            self.pairs.update(texts["split"])
            found = Counter(zip(texts["occluder"], texts["variant"], texts["split"], strict=True))
            for (occluder, variant, split), pairs in found.items():
                self.kinds[occluder, variant][split] += pairs
            self.detectors.update(batch.column("landmark_source").to_pylist())
            self.warnings.update(batch.column("warnings").flatten().to_pylist())
            occluders = np.array(texts["occluder"], dtype=object)
            coverage = np.rint(batch.column("coverage").to_numpy() * _FINE).astype(np.int64)
            for occluder in set(texts["occluder"]):
                self._coverage[occluder] += np.bincount(coverage[occluders == occluder], minlength=_FINE + 1)
            for pose, counts in self._pose.items():
                counts += np.bincount(np.floor(batch.column(pose).to_numpy()).astype(np.int64) + _TURN, minlength=len(counts))
            for side, counts in self._sides.items():
                counts += np.bincount(batch.column(side).to_numpy(), minlength=len(counts))

    @property
    def splits(self) -> list[str]:
        """Those that have pairs."""
        return [split for split in SPLITS if self.pairs[split]]

    @property
    def occluders(self) -> list[str]:
        """All of them, sorted."""
        return sorted(self._coverage)

    @property
    def disjoint(self) -> bool:
        """Nobody is in two splits."""
        return self.people(*SPLITS) == sum(map(self.people, SPLITS))

    @property
    def size(self) -> str:
        """Width × height of the images, each a number or a range; empty where there are none."""
        ranges = [np.flatnonzero(counts)[[0, -1]].tolist() for counts in self._sides.values() if counts.any()]
        return " × ".join("–".join(map(str, sorted(set(ends)))) for ends in ranges)

    def photographs(self, *splits: str) -> int:
        """How many different ones these splits have together."""
        return _distinct(self._photographs[split] for split in splits)

    def people(self, *splits: str) -> int:
        """How many different ones these splits have together."""
        return _distinct(self._people[split] for split in splits)

    def albums(self, split: str) -> Counts:
        """How many photographs each person of a split has: (people,) int64, ascending."""
        _, first = np.unique(np.asarray(self._photographs[split], np.int64), return_index=True)
        _, albums = np.unique(np.asarray(self._people[split], np.int64)[first], return_counts=True)
        return np.sort(albums)

    def album_bins(self, split: str) -> list[int]:
        """People of a split by their number of photographs, one count for each of `ALBUM_EDGES`."""
        bins = np.searchsorted(ALBUM_EDGES, self.albums(split), side="right") - 1
        return [int(count) for count in np.bincount(bins, minlength=len(ALBUM_EDGES))]

    def coverage(self, occluder: str) -> Counts:
        """Pairs by the covered share of the face, (1001,) int64: a bin a thousandth, 0 to 1."""
        return self._coverage[occluder]

    def coverage_quantiles(self, occluder: str) -> list[float]:
        """At `QUANTILES`: the least share, to a thousandth, that so many of the pairs do not exceed."""
        sums = np.cumsum(self._coverage[occluder])
        return [int(np.searchsorted(sums, quantile * sums[-1] - 1e-9)) / _FINE for quantile in QUANTILES]

    def coverage_bins(self, occluder: str) -> list[int]:
        """Pairs in each bin of `COVERAGE_EDGES`."""
        return _sums(self._coverage[occluder], [round(edge * _FINE) for edge in COVERAGE_EDGES])

    def pose(self, pose: str) -> Counts:
        """Pairs by an angle of the head, (721,) int64: a bin a degree, from -360 on."""
        return self._pose[pose]

    def pose_bins(self, pose: str) -> list[int]:
        """Pairs in each of the bins between `POSE_EDGES`, one more than there are edges."""
        return _sums(self._pose[pose], [0, *(edge + _TURN for edge in POSE_EDGES)])

    def document(self) -> dict[str, Any]:
        """All of it as plain JSON data."""
        return {
            "pairs": self.pairs.total(),
            "photographs": self.photographs(*SPLITS),
            "people": self.people(*SPLITS),
            "people_in_one_split_only": self.disjoint,
            "splits": {
                split: {"pairs": self.pairs[split], "photographs": self.photographs(split), "people": self.people(split)}
                for split in self.splits
            },
            "occluders": [
                {"occluder": occluder, "variant": variant, **{split: pairs[split] for split in self.splits}}
                for (occluder, variant), pairs in sorted(self.kinds.items())
            ],
            "coverage": {
                occluder: {
                    "quantiles": dict(zip(map(str, QUANTILES), self.coverage_quantiles(occluder), strict=True)),
                    "edges": list(COVERAGE_EDGES),
                    "pairs": self.coverage_bins(occluder),
                }
                for occluder in self.occluders
            },
            "pose": {pose: {"edges": list(POSE_EDGES), "pairs": self.pose_bins(pose)} for pose in POSES},
            "photographs_of_a_person": {
                split: {"edges": list(ALBUM_EDGES), "people": self.album_bins(split), "most": int(self.albums(split)[-1])}
                for split in self.splits
            },
            "landmarks": dict(sorted(self.detectors.items())),
            "warnings": dict(sorted(self.warnings.items())),
            "size": {
                side: dict(zip(("least", "median", "most"), _three(counts), strict=True))
                for side, counts in self._sides.items()
                if counts.any()
            },
        }


def fates(rejects: Path) -> Counter[tuple[str, str]]:
    """How often each reason was given in a `rejects.csv`: (occluder, reason) to count, the occluder empty for whole photographs.

    Args:
        rejects: the file; where there is none, nothing was rejected.

    Raises:
        InputError: not what `write_rejects` writes.
    """
    if not rejects.exists():
        return Counter()
    return Counter((reject.occluder, reject.reason) for reject in read_rejects(rejects))


def _distinct(hashes: Iterable[Any]) -> int:
    return len(np.unique(np.concatenate([np.empty(0, np.int64), *hashes])))


def _sums(counts: Counts, starts: list[int]) -> list[int]:
    """Sums of the parts of `counts` that begin at `starts`, the last one up to the end."""
    return [int(counts[start:end].sum()) for start, end in pairwise([*starts, len(counts)])]


def _three(counts: Counts) -> list[int]:
    """The least, the median and the largest of values of which there are so many."""
    values, sums = np.flatnonzero(counts), np.cumsum(counts)
    return [int(values[0]), int(np.searchsorted(sums, (sums[-1] + 1) // 2)), int(values[-1])]
