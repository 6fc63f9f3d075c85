"""Frozen manifests of published benchmarks, which installed packages carry (`occbench.manifests`): one folder each."""

import difflib
from importlib import resources
from pathlib import Path
from typing import Any

from occbench.errors import UsageError
from occbench.manifest import MANIFEST, batches, facts
from occbench.manifest.fingerprint import of_manifest
from occbench.manifest.schema import SPLITS


def names() -> list[str]:
    """What there is."""
    entries = resources.files("occbench.manifests").iterdir()
    return sorted(entry.name for entry in entries if (entry / MANIFEST).is_file())


def find(name: str) -> Path:
    """The manifest of the benchmark called `name`.

    Raises:
        UsageError: no such benchmark; the message lists those that exist.
    """
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"There is no benchmark {name!r}: {', '.join(known) or 'this version has none yet'}.{hint}")
    return Path(str(resources.files("occbench.manifests") / name / MANIFEST))


def fingerprints(manifest: Path) -> dict[str, str]:
    """The fingerprint of each split that a manifest has.

    Raises:
        InputError: no usable manifest.
    """
    found = {split for batch in batches(manifest, ["split"]) for split in batch.column("split").unique().to_pylist()}
    return {split: of_manifest(manifest, split) for split in SPLITS if split in found}


def describe(name: str) -> dict[str, Any]:
    """What a benchmark holds, JSON-able: source, rows, and the fingerprint of each split; raises as `find`."""
    manifest = find(name)
    source = next(batches(manifest, ["source"])).column("source")[0].as_py()
    return {"name": name, "source": source, "pairs": facts(manifest).rows, "fingerprints": fingerprints(manifest)}


def compare(manifest: Path, name: str) -> dict[str, bool]:
    """Each split of a data set: is it exactly that of the benchmark called `name`? (Pixels are `verify`'s matter.)

    Raises:
        UsageError: no such benchmark.
        InputError: no usable manifest.
    """
    official = fingerprints(find(name))
    return {split: official.get(split) == found for split, found in fingerprints(manifest).items()}
