"""The codec: every kind of photograph by the documented rule, every kind of damage a `Rejected`, every output exact and atomic."""

import errno
import hashlib
import importlib.util
import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from occbench import images
from occbench.errors import Rejected, RunError

Pixels = npt.NDArray[np.uint8]


def noise(height: int, width: int, channels: int = 3, seed: int = 1) -> Pixels:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def file_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def by_opencv(data: bytes) -> Pixels:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image[:, :, ::-1], dtype=np.uint8)


def reason(data: bytes) -> str:
    with pytest.raises(Rejected) as caught:
        images.decode(data)
    assert caught.value.detail
    return caught.value.reason


def smooth(height: int = 48, width: int = 40) -> Image.Image:
    return Image.fromarray(cv2.GaussianBlur(noise(height, width), (0, 0), 3))


JPEG, PNG = file_of(smooth(), "JPEG"), file_of(smooth(), "PNG")


# What photographs become


def test_plain_jpeg_agrees_with_opencv() -> None:
    ours = images.decode(JPEG)
    np.testing.assert_array_equal(ours, by_opencv(JPEG))
    assert ours.flags.writeable


def test_jpeg_pixels_are_the_same_everywhere() -> None:
    """Matplotlib's portrait of Grace Hopper: a decoder that rounds differently would show here."""
    package = importlib.util.find_spec("matplotlib")
    assert package is not None
    assert package.submodule_search_locations
    data = (Path(package.submodule_search_locations[0]) / "mpl-data" / "sample_data" / "grace_hopper.jpg").read_bytes()
    assert hashlib.sha256(data).hexdigest() == "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130"
    assert images.pixel_sha256(images.decode(data)) == "87a6539cd23e0a52dc5e4eed7decc7e63aaf141943451253720e548020d42093"


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_come_out_as_they_are(kind: str) -> None:
    pixels = noise(20, 30)
    np.testing.assert_array_equal(images.decode(file_of(Image.fromarray(pixels), kind)), pixels)


def test_lossless_webp_comes_out_as_it_is() -> None:
    pixels = noise(20, 30)
    np.testing.assert_array_equal(images.decode(file_of(Image.fromarray(pixels), "WEBP", lossless=True)), pixels)


def test_gray_is_repeated() -> None:
    gray = noise(20, 20, 1)
    np.testing.assert_array_equal(images.decode(file_of(Image.fromarray(gray), "PNG")), np.repeat(gray[..., None], 3, axis=2))


def test_bilevel_becomes_black_and_white() -> None:
    bits = noise(20, 20, 1) > 127
    decoded = images.decode(file_of(Image.fromarray(bits), "PNG"))
    np.testing.assert_array_equal(decoded[:, :, 0], np.where(bits, 255, 0))


def test_palette_is_looked_up() -> None:
    image = Image.fromarray(noise(20, 20)).quantize(16)
    np.testing.assert_array_equal(images.decode(file_of(image, "PNG")), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_of_16_gray_bits_the_upper_8_stay(kind: str) -> None:
    deep = np.arange(20 * 20, dtype=np.uint16).reshape(20, 20) * 160
    decoded = images.decode(file_of(Image.fromarray(deep), kind))
    np.testing.assert_array_equal(decoded, np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2))


def test_of_16_colour_bits_the_upper_8_stay() -> None:
    deep = np.random.default_rng(2).integers(0, 65536, (20, 20, 3), dtype=np.uint16)
    data = cv2.imencode(".png", deep[:, :, ::-1])[1].tobytes()
    np.testing.assert_array_equal(images.decode(data), (deep >> 8).astype(np.uint8))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode: str) -> None:
    image = Image.fromarray(noise(20, 20, 4)).convert(mode)
    colour, alpha = np.split(np.asarray(image.convert("RGBA")).astype(int), [3], axis=2)
    expected = np.rint((colour * alpha + 255 * (255 - alpha)) / 255)
    np.testing.assert_array_equal(images.decode(file_of(image, "PNG")), expected)


def test_transparent_palette_entry_is_white() -> None:
    image = Image.fromarray(np.zeros((20, 20), np.uint8)).convert("P")
    assert (images.decode(file_of(image, "PNG", transparency=0)) == 255).all()


def test_cmyk_of_a_tiff() -> None:
    inks = noise(20, 20, 4)
    c, m, y, k = np.moveaxis(inks.astype(int), 2, 0)
    expected = np.stack([255 - k - np.rint(ink * (255 - k) / 255) for ink in (c, m, y)], axis=2).clip(0, 255)
    decoded = images.decode(file_of(Image.fromarray(inks, "CMYK"), "TIFF")).astype(int)
    assert abs(decoded - expected).max() <= 1


@pytest.mark.parametrize("marked", [True, False])
def test_inks_of_a_jpeg_are_adobes_inverted_ones(marked: bool) -> None:
    """With Adobe's marker and without, as browsers and OpenCV take them too."""
    data = file_of(Image.new("CMYK", (24, 24), (0, 255, 255, 0)), "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    assert data[at + 4 : at + 9] == b"Adobe"
    if not marked:
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert abs(images.decode(data)[12, 12].astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation: int, kind: str) -> None:
    """Against geometry: where each corner of the stored picture belongs (EXIF 2.3, tag 0x0112)."""
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:16, :24, 0] = 255  # red upper left corner
    stored[:16, 24:, 1] = 255  # green upper right corner
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = images.decode(file_of(Image.fromarray(stored), kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {})))
    first_row_is, first_column_is = {
        1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
        5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
    }[orientation]  # fmt: skip
    expected = stored[:: -1 if first_row_is in ("bottom", "right") else 1, :: -1 if first_column_is in ("bottom", "right") else 1]
    expected = expected.transpose(1, 0, 2) if first_row_is in ("left", "right") else expected
    assert decoded.shape == expected.shape
    assert abs(decoded.astype(int) - expected).mean() < 6


def test_damaged_exif_is_ignored() -> None:
    exif = b"Exif\0\0MM\0*" + b"\xff" * 40
    assert images.decode(file_of(smooth(), "JPEG", exif=exif)).shape == (48, 40, 3)


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_of_several_frames_the_first_is_taken(kind: str, options: dict[str, Any]) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    data = file_of(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (images.decode(data) == (255, 0, 0)).all()


def test_of_a_phones_double_jpeg_the_first_is_taken() -> None:
    data = file_of(Image.new("RGB", (20, 20), (250, 0, 0)), "MPO", save_all=True, append_images=[Image.new("RGB", (20, 20))])
    assert images.decode(data)[10, 10, 0] > 240


# What is refused


@pytest.mark.parametrize(
    "data", [b"", b"this is a text, not a photograph\n" * 9, b"\xff\xd8", b"\x89PNG\r\n\x1a\n", bytes(9999)], ids=range(5)
)
def test_no_image(data: bytes) -> None:
    assert reason(data) == "undecodable"


def test_why_something_is_no_image_is_said_the_same_way_twice() -> None:
    said = set()
    for _ in range(2):
        with pytest.raises(Rejected) as caught:
            images.decode(b"text" * 99)
        said.add(caught.value.detail)
    assert len(said) == 1
    assert "0x" not in said.pop()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_cut_off_files(kind: str) -> None:
    data = file_of(Image.fromarray(noise(64, 64)), kind)
    assert reason(data[: len(data) // 2]) in ("truncated", "undecodable")


@pytest.mark.parametrize("data", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_missing_pixels_are_called_truncated(data: bytes) -> None:
    assert reason(data[:-200]) == "truncated"


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
def test_too_small(size: tuple[int, int]) -> None:
    assert reason(file_of(Image.new("RGB", size), "PNG")) == "too-small"


def png_header(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(chunk(*c) for c in (*chunks, (b"IDAT", zlib.compress(bytes(999))), (b"IEND", b"")))
    )


def jpeg_of_size(width: int, height: int) -> bytes:
    at = JPEG.index(b"\xff\xc0")
    return JPEG[: at + 5] + struct.pack(">HH", height, width) + JPEG[at + 9 :]


def webp_of_size(width: int, height: int) -> bytes:
    data = bytearray(file_of(smooth(), "WEBP"))
    data[26:30] = struct.pack("<HH", width, height)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        png_header(20_000, 20_000),
        jpeg_of_size(20_000, 20_000),
        webp_of_size(16_000, 16_000),
        png_header(10_000, 10_000),
        png_header(40_000, 100),
        png_header(2**31 - 1, 2**31 - 1),
        b"P6 20000 20000 255\n" + bytes(99),
        jpeg_of_size(65_500, 65_500),
    ],
    ids=["png", "jpeg", "webp", "warned about", "long", "huge", "ppm", "widest jpeg"],
)
def test_too_large_is_refused_by_the_header(data: bytes, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    def load(self: ImageFile.ImageFile) -> NoReturn:
        raise AssertionError("pixels were asked for")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert reason(data) == "too-large"
    assert not recwarn.list


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300_000_000), 9)),
        (b"iCCP", b"profile\0\0" + zlib.compress(bytes(300_000_000), 9)),
        (b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(300_000_000), 9)),
    ],
    ids=["zTXt", "iCCP", "iTXt"],
)
def test_bombs_beside_the_pixels_do_not_unpack(chunk: tuple[bytes, bytes]) -> None:
    code = (
        "import resource, sys\n"
        "from occbench import images\n"
        "from occbench.errors import Rejected\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    images.decode(sys.stdin.buffer.read())\n"
        "except Rejected as error:\n    print(error.reason, file=sys.stderr)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=png_header(32, 32, chunk), capture_output=True, check=True)
    assert int(done.stdout) < 100_000  # KiB


def test_a_long_chunk_that_is_not_there_is_refused() -> None:
    data = png_header(32, 32)
    assert reason(data[:33] + struct.pack(">I", 2**31 - 1) + b"tEXt" + data[33:]) in ("undecodable", "truncated")


@pytest.mark.parametrize("mode", ["I", "F"])
def test_samples_of_32_bits_have_no_range(mode: str) -> None:
    assert reason(file_of(Image.new(mode, (20, 20)), "TIFF")) == "undecodable"


@pytest.mark.parametrize(
    "error", [SyntaxError("x"), struct.error("x"), ValueError("x"), MemoryError(), RecursionError("x"), OSError(5, "x")]
)
def test_whatever_a_decoder_raises_is_a_reject(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> NoReturn:
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    assert reason(PNG) == "undecodable"


def test_interruption_is_not_a_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(KeyboardInterrupt):
        images.decode(PNG)


FILES = [
    JPEG,
    PNG,
    file_of(smooth(), "JPEG", progressive=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
    file_of(smooth(), "TIFF", compression="tiff_lzw"),
    file_of(smooth(), "WEBP"),
    file_of(smooth().quantize(32), "GIF"),
]


@settings(max_examples=300, deadline=None)
@given(
    data=st.sampled_from(FILES),
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), max_size=12),
    cut=st.one_of(st.none(), st.integers(0, 2**20)),
)
def test_damage_gives_an_image_or_a_reject(data: bytes, flips: list[tuple[int, int]], cut: int | None) -> None:
    damaged = bytearray(data)
    for at, change in flips:
        damaged[at % len(damaged)] ^= change
    if cut is not None:
        del damaged[cut % len(damaged) :]
    for read in (images.decode, images.decode_exact):
        reason = None
        try:
            assert read(bytes(damaged)).dtype == np.uint8
        except Rejected as error:
            reason = error.reason
        assert reason in (None, "undecodable", "truncated", "too-large", "too-small")


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\0", b"GIF89a", b"BM", b"P6 "])
)
def test_random_bytes_are_rejected(data: bytes, magic: bytes) -> None:
    assert reason(magic + data) in ("undecodable", "truncated", "too-large", "too-small")


# Files


def unreadable(path: Path) -> str:
    with pytest.raises(Rejected) as caught:
        images.read_bytes(path)
    return caught.value.reason


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "a photo\nof Zoë.jpg"
    path.write_bytes(JPEG)
    assert images.read_bytes(path) == JPEG


def make_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, make_loop, lambda path: None], ids=["pipe", "folder", "link to itself", "missing"]
)
def test_only_regular_files_are_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    make(path)
    open_files = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else None  # noqa: PTH208
    assert unreadable(path) == "unreadable"
    if open_files is not None:
        assert len(os.listdir("/proc/self/fd")) == open_files  # noqa: PTH208


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "x.jpg").write_bytes(JPEG)
    monkeypatch.setattr(images.os, "open", refuse)  # type: ignore[attr-defined]
    assert unreadable(tmp_path / "x.jpg") == "unreadable"


def test_an_endless_file_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "x.jpg").open("wb") as file:
        file.truncate(1 << 40)  # sparse
    assert unreadable(tmp_path / "x.jpg") == "too-large"


# Outputs


@pytest.mark.parametrize("shape", [(1, 1, 3), (37, 21, 3), (37, 21)])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_png_and_back(shape: tuple[int, ...], level: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    data = images.encode_png(pixels, level)
    np.testing.assert_array_equal(images.decode_exact(data), pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)


def test_exact_webp() -> None:
    pixels = noise(20, 30)
    np.testing.assert_array_equal(images.decode_exact(file_of(Image.fromarray(pixels), "WEBP", lossless=True)), pixels)


@pytest.mark.parametrize(
    "data",
    [
        file_of(Image.fromarray(noise(20, 20, 4)), "PNG"),
        file_of(smooth().quantize(8), "PNG"),
        cv2.imencode(".png", np.zeros((20, 20, 3), np.uint16))[1].tobytes(),
        cv2.imencode(".png", np.zeros((20, 20), np.uint16))[1].tobytes(),
        JPEG,
    ],
    ids=["alpha", "palette", "16-bit", "16-bit gray", "jpeg"],
)
def test_exact_reading_never_converts(data: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        images.decode_exact(data)
    assert caught.value.reason == "undecodable"


def test_pixel_hash_is_the_contracts() -> None:
    pixels = noise(2, 3)
    assert images.pixel_sha256(pixels) == hashlib.sha256(b"2x3x3:uint8\n" + pixels.tobytes()).hexdigest()
    assert images.pixel_sha256(pixels[:, :, 0]) == hashlib.sha256(b"2x3x1:uint8\n" + pixels[:, :, 0].tobytes()).hexdigest()


def test_atomic_writing_replaces(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    images.write_atomic(path, b"old")
    images.write_atomic(path, b"new", fsync=False)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_failed_write_leaves_what_was_there(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> NoReturn:
        raise OSError(code, os.strerror(code))

    path = tmp_path / "x.bin"
    path.write_bytes(b"old")
    monkeypatch.setattr(images.os, "fsync", fail)  # type: ignore[attr-defined]
    with pytest.raises(RunError, match=str(path)):
        images.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_into_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        images.write_atomic(tmp_path / "none" / "x.bin", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.bin"
    monkeypatch.setattr("occbench.atomic.secrets.randbelow", lambda _: 7)
    (tmp_path / f".x.bin.{os.getpid()}000007.tmp").symlink_to("/dev/full")
    with pytest.raises(RunError, match="Free some space"):
        images.write_atomic(path, b"x" * 10_000)
    assert not path.exists()


@pytest.mark.real
def test_real_photographs_agree_with_opencv(shared: Path) -> None:
    folders = sorted((shared / "data" / "lfw" / "lfw-deepfunneled").iterdir())[::100]
    for path in (sorted(folder.glob("*.jpg"))[0] for folder in folders if folder.is_dir()):
        data = images.read_bytes(path)
        np.testing.assert_array_equal(images.decode(data), by_opencv(data))
