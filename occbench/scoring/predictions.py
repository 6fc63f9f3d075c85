"""Anybody's restorations: a folder of `<pair_id>.png` or `<pair_id>.npy`, and predicted occlusions in its sub-folder `mask/`."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from occbench.errors import InputError, Rejected
from occbench.images import decode_exact, read_bytes
from occbench.scoring.split import Item

Image = npt.NDArray[np.uint8]

MASKS = "mask"
_PNG = b"\x89PNG\r\n\x1a\n"
_LOSSY = {".jpg", ".jpeg", ".webp", ".avif", ".heic", ".jxl"}
_LISTED = 5


@dataclass(frozen=True)
class Folder:
    """A folder of predictions that has been looked through.

    Attributes:
        directory: the folder.
        files: pair id to file name.
        masks: pair id to file name in `mask/`; empty where the method predicts no occlusion.
        missing: pair ids without a file.
        extra: file names that belong to no pair of the split.
    """

    directory: Path
    files: dict[str, str]
    masks: dict[str, str]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def image(self, item: Item) -> Image:
        """The restoration of a pair, (H, W, 3) uint8 RGB; an array in [0, 1] is quantised to the nearest level.

        Raises:
            InputError: unreadable, not lossless, with transparency, of another depth or size, or not finite.
        """
        path = self.image_path(item)
        if path.suffix == ".npy":
            return _quantised(path, (item.height, item.width, 3))
        return _png(path, (item.height, item.width, 3))

    def mask(self, item: Item) -> Image | None:
        """The predicted occlusion of a pair, (H, W) uint8 with 255 = occluded, or None where there is none; raises as `image`."""
        path = self.mask_path(item)
        return None if path is None else _png(path, (item.height, item.width))

    def image_path(self, item: Item) -> Path:
        """Of the restoration."""
        return self.directory / self.files[item.pair_id]

    def mask_path(self, item: Item) -> Path | None:
        """Of the predicted occlusion, if there is one."""
        return self.directory / MASKS / self.masks[item.pair_id] if item.pair_id in self.masks else None


def look_through(directory: Path, items: Sequence[Item], *, allow_missing: bool = False) -> Folder:
    """Match files to pairs by name. No image is opened.

    Args:
        directory: of the predictions.
        items: pairs of the split.
        allow_missing: go on when some have no prediction.

    Raises:
        InputError: no such folder, files in a lossy format, two files of one pair, predictions of other pairs, or missing ones.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: no such folder of predictions.")
    wanted = {item.pair_id for item in items}
    files, extra = _matched(directory, wanted)
    masks, _ = _matched(directory / MASKS, wanted) if (directory / MASKS).is_dir() else ({}, [])
    missing = sorted(wanted - files.keys())
    if not files:
        first = min(wanted)
        raise InputError(f"{directory} holds no prediction of this split; files are named <pair_id>.png, {first}.png say.")
    if missing and not allow_missing:
        raise InputError(
            f"{directory} lacks {len(missing)} of {len(wanted)} predictions: {_some(missing)}. Add them, or score what is there "
            "with --allow-missing; the result says so."
        )
    return Folder(directory, files, masks, tuple(missing), tuple(extra))


def _matched(directory: Path, wanted: set[str]) -> tuple[dict[str, str], list[str]]:
    files: dict[str, str] = {}
    extra = []
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            continue
        suffix = path.suffix.lower()
        known = path.stem in wanted
        if suffix in _LOSSY and known:
            raise InputError(f"{path} is in a lossy format: save predictions as PNG, or as .npy with values in [0, 1].")
        if suffix not in (".png", ".npy") or not known:
            extra.append(path.name)
        elif path.stem in files:
            raise InputError(f"{directory} holds two predictions of one pair: {files[path.stem]} and {path.name}. Keep one.")
        else:
            files[path.stem] = path.name
    return files, extra


def unknown(folder: Folder, known: set[str]) -> list[str]:
    """Files among `extra` that look like predictions but name no pair of the whole data set."""
    return [name for name in folder.extra if Path(name).suffix in (".png", ".npy") and Path(name).stem not in known]


def _png(path: Path, shape: tuple[int, ...]) -> Image:
    try:
        data = read_bytes(path)
        if not data.startswith(_PNG):
            raise InputError(f"{path} is no PNG, whatever its name says: save predictions losslessly.")
        pixels = decode_exact(data)
    except Rejected as rejected:
        raise InputError(f"{path}: {rejected.detail}. Predictions are 8-bit PNGs without transparency.") from None
    return _sized(path, pixels, shape)


def _quantised(path: Path, shape: tuple[int, ...]) -> Image:
    try:
        data = read_bytes(path)
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except (Rejected, OSError, ValueError, EOFError, MemoryError) as error:
        raise InputError(f"{path} cannot be read as an array: {error}") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        raise InputError(f"{path} holds {getattr(values, 'dtype', type(values))}: floating point values in [0, 1] are needed.")
    if not np.isfinite(values).all():
        raise InputError(f"{path} holds NaN or infinite values.")
    if values.size and (values.min() < -1e-3 or values.max() > 1 + 1e-3):
        raise InputError(f"{path} holds values from {values.min():.3g} to {values.max():.3g}: they must lie in [0, 1].")
    return _sized(path, np.rint(np.clip(values.astype(np.float64), 0, 1) * 255).astype(np.uint8), shape)


def _sized(path: Path, pixels: Image, shape: tuple[int, ...]) -> Image:
    if pixels.shape != shape:
        raise InputError(f"{path} is {_shape(pixels.shape)}; this pair needs {_shape(shape)} (height × width × channels).")
    return pixels


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape if len(shape) == 3 else (*shape, 1)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
