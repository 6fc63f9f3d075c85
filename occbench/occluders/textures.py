"""The drawn textures that installed packages carry: an RGBA PNG and, beside it, a JSON with its anchors."""

import json
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np

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
    encoded = np.frombuffer((folder / f"{name}.png").read_bytes(), np.uint8)
    rgba = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    return Texture(np.asarray(rgba, dtype=np.uint8)), json.loads((folder / f"{name}.json").read_text(encoding="ascii"))
