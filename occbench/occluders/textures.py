"""The drawn textures that installed packages carry: an RGBA PNG and, beside it, a JSON with its anchors."""

import json
from functools import cache
from importlib import resources
from typing import Any

from occbench.images import decode_rgba
from occbench.occluders.surface import Texture


@cache
def load(kind: str, name: str) -> tuple[Texture, dict[str, Any]]:
    """The texture `assets/<kind>/<name>.png` and the content of `<name>.json`, read once a process.

    Raises:
        ValueError: no such texture (names come from manifests too, which are untrusted).
    """
    folder = resources.files("occbench.assets") / kind
    known = {entry.name for entry in folder.iterdir()}
    if f"{name}.png" not in known or f"{name}.json" not in known:
        raise ValueError(f"there is no texture {name!r} among the {kind}")
    texture = Texture(decode_rgba((folder / f"{name}.png").read_bytes()))
    return texture, json.loads((folder / f"{name}.json").read_text(encoding="ascii"))
