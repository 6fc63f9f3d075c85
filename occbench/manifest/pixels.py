"""The images of a data set, as its manifest promises them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from occbench.errors import InputError, Rejected
from occbench.images import decode_exact, pixel_sha256, read_bytes
from occbench.manifest.natural import NATURAL


def load(directory: Path, relative: str, sha256: str) -> npt.NDArray[np.uint8]:
    """An image of a data set, compared with its hash.

    Args:
        directory: of the data set.
        relative: the image's path in it.
        sha256: of its pixels.

    Returns:
        (H, W, 3) uint8 RGB, or (H, W) uint8 gray.

    Raises:
        InputError: it is missing, unreadable, or has other pixels.
    """
    return load_file(directory, relative, sha256)[1]


def load_file(directory: Path, relative: str, sha256: str) -> tuple[bytes, npt.NDArray[np.uint8]]:
    """The bytes of an image's file and its pixels; arguments and errors as in `load`."""
    path = directory / relative
    try:
        data = read_bytes(path)
        pixels = decode_exact(data)
    except Rejected as rejected:
        raise InputError(f"{path}: {rejected.detail}. {_advice(directory)}") from None
    if pixel_sha256(pixels) != sha256:
        raise InputError(f"{path} has other pixels than the manifest promises. {_advice(directory)}")
    return data, pixels


def _advice(directory: Path) -> str:
    natural = (directory / NATURAL).exists()
    return "Import the photographs again." if natural else f"Run `occbench verify {directory}`."
