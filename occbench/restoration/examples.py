"""The clean photographs that a method may learn from."""

from collections.abc import Iterator
from pathlib import Path

from occbench.errors import InputError
from occbench.manifest import MANIFEST, read
from occbench.manifest.pixels import load
from occbench.restoration import Image


def training_images(directory: Path) -> Iterator[Image]:
    """The clean photographs of a data set's training split, each once, in the order of the manifest.

    Args:
        directory: of the data set.

    Returns:
        (H, W, 3) uint8 RGB, one at a time, compared with the hashes in the manifest.

    Raises:
        InputError: no manifest, no training split, or a photograph that is missing, damaged or another one.
    """
    wanted = {pair.clean_path: pair.clean_sha256 for pair in read(directory / MANIFEST) if pair.split == "train"}
    if not wanted:
        raise InputError(
            f"{directory} has no training split to learn from: make the data set with --split all, or choose a method that learns "
            "nothing."
        )
    for relative, sha256 in wanted.items():
        yield load(directory, relative, sha256)
