"""The fingerprint of data: which pairs, with which pixels."""

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile

from occbench.manifest.reader import batches
from occbench.manifest.schema import Pair

_COLUMNS = ("pair_id", "clean_sha256", "occluded_sha256", "mask_sha256")
_IN_MEMORY = 1 << 16  # lines, of about 300 bytes; more are sorted in pieces on the disk


def fingerprint(pairs: Iterable[Pair]) -> str:
    """The fingerprint of some pairs. Their order does not matter; pass the pairs of one split.

    sha256 (hex) over one line `"{pair_id} {clean_sha256} {occluded_sha256} {mask_sha256}\\n"` per pair, in ASCII, sorted by pair
    id. Memory does not grow with the number of pairs.
    """
    return _digest(" ".join(getattr(pair, name) for name in _COLUMNS) for pair in pairs)


def of_manifest(path: Path, split: str | None = None) -> str:
    """The fingerprint of a manifest's rows, or of those of one split; quicker than reading them as pairs.

    Raises:
        InputError: as `batches`.
    """

    def lines() -> Iterator[str]:
        for batch in batches(path, [*_COLUMNS, "split"]):
            splits = batch.column("split").to_pylist()
            rows = zip(*(batch.column(name).to_pylist() for name in _COLUMNS), strict=True)
            yield from (" ".join(row) for row, of in zip(rows, splits, strict=True) if split in (None, of))

    return _digest(lines())


def _digest(lines: Iterable[str]) -> str:
    lines, digest = iter(lines), hashlib.sha256()
    with ExitStack() as stack:
        runs: list[Iterable[bytes]] = []
        while run := sorted(f"{line}\n".encode() for line in islice(lines, _IN_MEMORY)):
            if len(run) < _IN_MEMORY:
                runs.append(run)
                break
            file = stack.enter_context(TemporaryFile())
            file.writelines(run)
            file.seek(0)
            runs.append(file)
        for line in heapq.merge(*runs):
            digest.update(line)
    return digest.hexdigest()
