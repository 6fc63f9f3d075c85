"""Frozen manifests of published benchmarks, which installed packages carry (`occbench.manifests`)."""

import difflib
from importlib import resources
from pathlib import Path

from occbench.errors import UsageError

_SUFFIX = ".parquet"


def names() -> list[str]:
    """What there is."""
    entries = resources.files("occbench.manifests").iterdir()
    return sorted(entry.name.removesuffix(_SUFFIX) for entry in entries if entry.name.endswith(_SUFFIX))


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
    return Path(str(resources.files("occbench.manifests") / f"{name}{_SUFFIX}"))
