"""WebDataset: the pairs of each split in tar files that are read from front to back, over any network.

A sample is four files with one key: `KEY.clean.png`, `KEY.occluded.png`, `KEY.mask.png` and `KEY.json`, its row of the manifest.
Images are the files of the data set, byte for byte; the pixel hash of each is checked on the way. Equal data sets give equal
shards, on every machine and for any number of processes: names, order, owner, mode and time of all members are fixed.
"""

import io
import json
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from occbench.atomic import writing
from occbench.digest import file_sha256
from occbench.errors import InputError, UsageError
from occbench.formats.folder import appearing
from occbench.images import write_atomic
from occbench.manifest import MANIFEST, batches, facts
from occbench.manifest.fingerprint import of_manifest
from occbench.manifest.pixels import load_file
from occbench.manifest.reader import records
from occbench.manifest.schema import SCHEMA, SPLITS, canonical_json, parse_object, tenths
from occbench.processes import available, mapped

INDEX = "index.json"
PAIRS_PER_SHARD = 1000
MOST = 100_000  # pairs of a shard: its rows are held in memory
_DOT = "+"  # stands for a dot in keys, which WebDataset ends at the first dot; no pair id holds a plus
_IMAGES = ("clean", "occluded", "mask")


@dataclass(frozen=True)
class _Sample:
    """A pair: its key, its row as JSON, and (kind, path, pixel hash) of its images."""

    key: str
    row: bytes
    images: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class _Shard:
    """A tar file to write."""

    data: Path
    file: Path
    split: str
    samples: tuple[_Sample, ...]


def key_of(pair_id: str) -> str:
    """The key (`__key__`) of a pair's sample."""
    return pair_id.replace(".", _DOT)


def pair_id_of(key: str) -> str:
    """The inverse of `key_of`."""
    return key.replace(_DOT, ".")


def export_webdataset(
    data: Path,
    out: Path,
    *,
    pairs_per_shard: int = PAIRS_PER_SHARD,
    split: str | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda pairs: None,
) -> dict[str, Any]:
    """Write `SPLIT-NNNNNN.tar` and `index.json`, which lists the shards with their pairs, bytes and sha256.

    Args:
        data: folder of the data set.
        out: folder to make; it appears whole or not at all.
        pairs_per_shard: of every shard but the last of a split, 1 to `MOST`.
        split: only this one.
        workers: processes; default all cores. The result is the same.
        progress: called with the pairs of each shard.

    Returns:
        The index.

    Raises:
        UsageError: `out` holds something, the split is empty, or a shard size out of bounds.
        InputError: no usable manifest, or an image that is not as it promises.
        RunError: the disk is full.
    """
    if not 1 <= pairs_per_shard <= MOST:
        raise UsageError(f"A shard holds 1 to {MOST} pairs, not {pairs_per_shard}.")
    manifest = data / MANIFEST
    sizes = Counter[str]()
    for batch in batches(manifest, ["split"]):
        sizes.update(batch.column("split").to_pylist())
    wanted = [name for name in SPLITS if sizes[name] and split in (None, name)]
    if not wanted:
        listing = ", ".join(f"{name} {sizes[name]}" for name in SPLITS if sizes[name])
        raise UsageError(
            f"{manifest} has no pairs to export{f' in the split {split!r}' if split else ''} (it has: {listing or 'none'})."
        )
    with appearing(out) as folder:
        shards = []
        for entry in mapped(_write, _shards(data, folder, wanted, pairs_per_shard), workers or available()):
            shards.append(entry)
            progress(entry["pairs"])
        index = {
            "format": "occbench webdataset 1",
            "occbench_version": facts(manifest).version,
            "manifest_sha256": file_sha256(manifest),
            "splits": {name: {"pairs": sizes[name], "data_fingerprint": of_manifest(manifest, name)} for name in wanted},
            "shards": sorted(shards, key=lambda entry: str(entry["file"])),
        }
        write_atomic(folder / INDEX, json.dumps(index, indent=1).encode() + b"\n")
    return index


def _shards(data: Path, folder: Path, wanted: list[str], size: int) -> Iterator[_Shard]:
    """The rows of the manifest, in its order, dealt out to the shards of their splits."""
    waiting: dict[str, list[_Sample]] = {name: [] for name in wanted}
    numbers = defaultdict[str, int](int)

    def shard(name: str) -> _Shard:
        samples, waiting[name] = tuple(waiting[name]), []
        numbers[name] += 1
        return _Shard(data, folder / f"{name}-{numbers[name] - 1:06d}.tar", name, samples)

    for row, record in enumerate(records(data / MANIFEST)):
        name = record["split"]
        if name in waiting:
            try:
                waiting[name].append(_sample(record))
            except ValueError as error:
                raise InputError(f"{data / MANIFEST}, row {row}: {error}.") from None
            if len(waiting[name]) == size:
                yield shard(name)
    yield from (shard(name) for name in wanted if waiting[name])


def _sample(record: dict[str, Any]) -> _Sample:
    """What the tar file holds of a row: all columns but the paths, JSON unpacked, landmarks as 68 points."""
    row = {name: record[name] for name in SCHEMA.names if not name.endswith("_path")}
    row["landmarks"] = tenths(record["landmarks"]).reshape(68, 2).tolist()
    for name in ("parameters", "attributes"):
        row[name] = None if record[name] is None else parse_object(name, record[name])
    images = tuple((kind, record[f"{kind}_path"], record[f"{kind}_sha256"]) for kind in _IMAGES)
    return _Sample(key_of(record["pair_id"]), canonical_json(row).encode(), images)


def _write(shard: _Shard) -> dict[str, Any]:
    """Write one shard; its entry in the index."""
    clean: tuple[Any, bytes] = ((), b"")  # the last one: pairs of one photograph follow each other
    with writing(shard.file):
        # PAX is what Python writes by default and differs from USTAR only where a name has more than 100 characters.
        with tarfile.open(shard.file, "w", format=tarfile.PAX_FORMAT) as archive:
            for sample in shard.samples:
                for image in sample.images:
                    kind, path, sha256 = image
                    content = clean[1] if image == clean[0] else load_file(shard.data, path, sha256)[0]
                    clean = (image, content) if kind == "clean" else clean
                    _add(archive, f"{sample.key}.{kind}{PurePosixPath(path).suffix}", content)
                _add(archive, f"{sample.key}.json", sample.row)
        digest, size = file_sha256(shard.file), shard.file.stat().st_size
    return {"file": shard.file.name, "split": shard.split, "pairs": len(shard.samples), "bytes": size, "sha256": digest}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """A member that says nothing about when, where and by whom it was written (that is `TarInfo`'s default)."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
