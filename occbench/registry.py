"""Registries are plain dicts of lazy import strings, so that listing names imports nothing.

Third parties add entries through entry points: group `occbench.sources`, `occbench.landmarks`, `occbench.occluders`, ...
"""

import difflib
import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from occbench.errors import UsageError


def names(kind: str, builtin: Mapping[str, str]) -> dict[str, str]:
    """All entries of a registry, built-in first, then those of installed third-party packages.

    Args:
        kind: plural name of the registry, `sources` say; the entry-point group is `occbench.<kind>`.
        builtin: name to `"module:attribute"`.
    """
    extra = {e.name: e.value for e in entry_points(group=f"occbench.{kind}")}
    return {**extra, **builtin}


def load(kind: str, builtin: Mapping[str, str], name: str) -> Any:
    """Import and return the entry called `name`.

    Raises:
        UsageError: no such entry; the message lists the right names and the closest match.
    """
    known = names(kind, builtin)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"There is no {name!r} among the {kind}: choose from {', '.join(known)}.{hint}")
    module, _, attribute = known[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
