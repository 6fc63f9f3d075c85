"""The one codec: photographs in (anything may come), lossless images out.

Rule for photographs: 8-bit RGB comes out of everything. Gray is repeated; palettes are looked up; CMYK (inverted in every JPEG, as
Adobe has it) is converted without a colour profile, and profiles are ignored everywhere; of 16 bits the upper 8 stay; transparency
is laid over white; of several frames or pages the first is taken; the orientation in the metadata is applied once. JPEG, PNG, WebP,
TIFF, BMP, GIF and PNM are read, all by Pillow, whose decoders agree with OpenCV's on the pixels of a JPEG and say when a file is
cut off.
"""

import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from occbench.atomic import replacing, writing
from occbench.errors import Rejected

Pixels = npt.NDArray[np.uint8]

MAX_BYTES = 1 << 27  # of a file
MAX_PIXELS = 1 << 26
MAX_SIDE = 1 << 15  # fixed-point warps count in int16
MIN_SIDE = 16

_DECODERS = (JpegImageFile, PngImageFile, WebPImageFile, TiffImageFile, BmpImageFile, GifImageFile, PpmImageFile)
_PHOTOGRAPHS = tuple(str(decoder.format) for decoder in _DECODERS)
_EXACT = ("PNG", "WEBP")
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_bytes(path: Path) -> bytes:
    """The bytes of a photograph's file. Only a regular file is read, so a pipe or a device cannot block.

    Raises:
        Rejected: it cannot be opened or read, or is no file (`unreadable`), or has more than `MAX_BYTES` (`too-large`).
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Rejected("unreadable", "not a regular file")
            if status.st_size > MAX_BYTES:
                raise Rejected("too-large", f"a file of {status.st_size} bytes; at most {MAX_BYTES}")
            return file.read(status.st_size)
    except OSError as error:
        raise Rejected("unreadable", f"the file cannot be read: {error.strerror or error}") from error


def decode(data: bytes) -> Pixels:
    """A photograph from the bytes of its file, by the rule above. Sizes are checked in the header, before any pixel.

    Returns:
        (H, W, 3) uint8 RGB, writable.

    Raises:
        Rejected: no image in a format that is read here, or damaged (`undecodable`); cut off (`truncated`); a side above
            `MAX_SIDE` or more than `MAX_PIXELS` (`too-large`); a side below `MIN_SIDE` (`too-small`).
    """
    with _decoding():
        image = _open(data, _PHOTOGRAPHS, MIN_SIDE)
        image.load()
        return _rgb(_upright(image))


def decode_exact(data: bytes) -> Pixels:
    """The stored pixels of an 8-bit RGB or gray PNG or a WebP (which has no gray): what `encode_png` was given.

    Returns:
        (H, W, 3) uint8 RGB, or (H, W) uint8 gray.

    Raises:
        Rejected: as `decode`, but of any size from 1×1; anything that would have to be converted is `undecodable`.
    """
    with _decoding():
        image = _open(data, _EXACT, 1)
        if image.mode not in ("RGB", "L") or (image.format == "PNG" and data[24] != 8):  # byte 24: bits a sample
            raise Rejected("undecodable", "neither RGB nor gray with 8 bits and without transparency")
        image.load()
        return np.array(image, dtype=np.uint8)


def decode_rgba(data: bytes, width: int = MAX_SIDE, height: int = MAX_SIDE) -> Pixels:
    """The stored pixels of a texture or a layer, an 8-bit RGBA PNG: (H, W, 4) uint8, alpha not multiplied in.

    Args:
        data: of the file.
        width, height: px; a larger image is `too-large`.

    Raises:
        Rejected: as `decode_exact`.
    """
    with _decoding():
        image = _open(data, _EXACT, 1)
        if image.width > width or image.height > height:
            raise Rejected(
                "too-large", f"{image.width}×{image.height} pixels; at most {max(width, 0)}×{max(height, 0)} have room here"
            )
        if image.mode != "RGBA":
            raise Rejected("undecodable", "not RGBA")
        image.load()
        return np.array(image, dtype=np.uint8)


def encode_png(image: Pixels, level: int = 1) -> bytes:
    """A PNG file of (H, W, 3) uint8 RGB, (H, W) uint8 gray, or (H, W, 4) uint8 RGBA, whose alpha is not multiplied in.

    Args:
        image: what to store.
        level: of compression, 0 to 9; 1 is fastest by far and costs a tenth more bytes.
    """
    # Photographs have few repetitions: looking for none is quickest, and smallest at level 1. Masks consist of runs.
    pixels, strategy = image, cv2.IMWRITE_PNG_STRATEGY_RLE
    if image.ndim == 3:
        opaque = image.shape[2] == 3
        pixels = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR if opaque else cv2.COLOR_RGBA2BGRA), dtype=np.uint8)
        strategy = cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY if opaque else cv2.IMWRITE_PNG_STRATEGY_DEFAULT
    options = [cv2.IMWRITE_PNG_COMPRESSION, level, cv2.IMWRITE_PNG_STRATEGY, strategy]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # one filter instead of a choice line by line
        options += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG]
    done, data = cv2.imencode(".png", pixels, options)
    assert done, "OpenCV cannot encode PNG"
    return data.tobytes()


def pixel_sha256(image: Pixels) -> str:
    """sha256 (hex) of shape and pixels, not of a file: `"{height}x{width}x{channels}:uint8\\n"`, then the row-major bytes.

    Args:
        image: (H, W, 3) uint8 RGB, or (H, W) uint8 gray, which has one channel.
    """
    assert image.dtype == np.uint8
    height, width, channels = image.shape if image.ndim == 3 else (*image.shape, 1)
    digest = hashlib.sha256(f"{height}x{width}x{channels}:uint8\n".encode("ascii"))
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def write_atomic(path: Path, data: bytes, *, fsync: bool = True) -> None:
    """Write a file that is there whole or not at all: under a temporary name beside it, then renamed.

    Args:
        path: in a folder that exists. What was there is replaced.
        data: all of it.
        fsync: wait until it is on the disk, so that it also survives a power cut.

    Raises:
        RunError: the disk is full, the folder read-only or missing, ...; names `path`. What was there before still is.
    """
    with replacing(path, fsync=fsync) as temporary, writing(path):
        temporary.write_bytes(data)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


@contextmanager
def _decoding() -> Iterator[None]:
    """Whatever a decoder throws at hostile bytes becomes `Rejected`; its warnings are nobody's business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Rejected:
            raise
        except Exception as error:  # SyntaxError, struct.error, MemoryError, ...: decoders raise anything
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            reason = "truncated" if "truncated" in said.lower() else "undecodable"
            raise Rejected(reason, f"the image cannot be decoded ({said})") from error


def _open(data: bytes, formats: tuple[str, ...], least: int) -> Image.Image:
    """An image whose header has been read, and nothing else."""
    if not data:
        raise Rejected("undecodable", "the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError:
        raise Rejected("too-large", f"more than {MAX_PIXELS} pixels") from None
    except UnidentifiedImageError:  # its message holds a memory address
        raise Rejected("undecodable", f"not an image in a format that is read here ({', '.join(formats)})") from None
    width, height = image.size
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise Rejected("too-large", f"{width}×{height} pixels; at most {MAX_PIXELS}, and {MAX_SIDE} a side")
    if min(width, height) < least:
        raise Rejected("too-small", f"{width}×{height} pixels; at least {least} a side")
    return image


def _upright(image: Image.Image) -> Image.Image:
    """Loaded, so that also what stands behind the pixels has been read, and a TIFF has turned itself."""
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged metadata says nothing about the pixels
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format != "TIFF"):  # 16 bits, except in a TIFF
        gray = (np.asarray(image).astype(np.int32) >> 8).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise Rejected("undecodable", "samples of 32 bits have no fixed range")
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA")).astype(np.uint16)
        colour, alpha = rgba[:, :, :3], rgba[:, :, 3:]
        return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.array(image.convert("RGB"), dtype=np.uint8)
