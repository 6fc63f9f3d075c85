"""Every random draw of occbench comes from here: one Philox generator per key, never a global state.

The key is a hash of what the draw is *for*, so neither the order of the photographs nor the worker that handles them matters.
"""

import hashlib
import json

import numpy as np
import numpy.typing as npt


def _philox(seed: int, *key: str | int) -> np.random.Philox:
    digest = hashlib.sha256(json.dumps([seed, *key], ensure_ascii=True).encode()).digest()
    return np.random.Philox(key=int.from_bytes(digest[:16], "little"))


def generator(seed: int, *key: str | int) -> np.random.Generator:
    """A generator for one purpose: `generator(seed, source, image_id, occluder, index)`.

    Distributions of NumPy may change between versions, so whatever is drawn is rounded and stored in the manifest; images are
    rendered from the stored values.
    """
    return np.random.Generator(_philox(seed, *key))


def random_bytes(count: int, seed: int, *key: str | int) -> npt.NDArray[np.uint8]:
    """`count` uniform bytes straight from the bit stream (stable across NumPy versions and byte orders), for per-pixel noise."""
    words = _philox(seed, *key).random_raw((count + 7) // 8)
    return np.asarray(words, dtype="<u8").view(np.uint8)[:count]
