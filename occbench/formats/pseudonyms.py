"""Names for photographs and people that mean something only to whoever has the photographs.

A photograph goes by the hash of its file, a person by the smallest such hash among theirs. This keeps names out of sight; it is no
anonymity: whoever has the photographs, or tries a list of their names against what was drawn for them, can tell who is who.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from occbench.manifest import Pair, batches


class Pseudonyms:
    """Looks at all rows before any can be renamed; keeps 24 bytes a row.

    Args:
        manifest: of the data set.
        split: only its rows count, or None.

    Attributes:
        pairs: by split, of the rows that count.
        sources: names of the sources of their photographs.

    Raises:
        InputError: no usable manifest.
    """

    def __init__(self, manifest: Path, split: str | None) -> None:
        self.pairs, self.sources = Counter[str](), set[str]()
        found: list[npt.NDArray[np.uint64]] = [np.empty((0, 3), np.uint64)]
        for batch in batches(manifest, ("split", "source", "image_id", "identity", "source_sha256")):
            rows: list[dict[str, Any]] = [row for row in batch.to_pylist() if split in (None, row["split"])]
            self.pairs.update(row["split"] for row in rows)
            self.sources.update(row["source"] for row in rows)
            keys = [
                (_key(row["source"], row["identity"]), _key(row["source"], row["image_id"]), _prefix(row["source_sha256"]))
                for row in rows
            ]
            found.append(np.array(keys, np.uint64).reshape(-1, 3))
        people, photographs, prefixes = np.concatenate(found).T
        order = np.lexsort((prefixes, people))
        self._people, first = np.unique(people[order], return_index=True)
        self._smallest = prefixes[order][first]
        distinct = np.unique(np.stack([prefixes, photographs], axis=1), axis=0)[:, 0]
        repeated = distinct[1:][distinct[1:] == distinct[:-1]]
        self._twins: dict[int, list[int]] = {int(prefix): [] for prefix in repeated}  # one file under several names

    def person(self, row: Pair) -> str:
        """The identity of a row, `person-` and 16 hexadecimal digits."""
        at = np.searchsorted(self._people, np.uint64(_key(row.source, row.identity)))
        return f"person-{int(self._smallest[at]):016x}"

    def photograph(self, row: Pair) -> str:
        """The image id of a row, 16 hexadecimal digits (and a number, for copies). Rows must come in the manifest's order."""
        name, prefix = row.source_sha256[:16], _prefix(row.source_sha256)
        if prefix not in self._twins:
            return name
        known, key = self._twins[prefix], _key(row.source, row.image_id)
        if key not in known:
            known.append(key)
        return f"{name}.{known.index(key)}"


def _key(*words: str) -> int:
    return hash(words) & (2**64 - 1)


def _prefix(sha256: str) -> int:
    return int(sha256[:16], 16)
