"""Embedders in ONNX files, on a tiny network written by hand."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError
from occbench.metrics.onnx_embedder import Feed, OnnxEmbedder

Image = npt.NDArray[np.uint8]
Written = Callable[..., tuple[Path, str]]

MATRIX = np.array([[1, 2, -1, 0.5], [0, 1, 3, -2], [2, -0.5, 0, 1]], np.float32)
FEED = Feed(side=8, mean=(100.0, 110.0, 120.0), scale=0.01)


def field(number: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer: a whole number, or counted bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def node(kind: str, inputs: list[str], output: str) -> bytes:
    return b"".join(field(1, name.encode()) for name in inputs) + field(2, output.encode()) + field(4, kind.encode())


def tensor(name: str, shape: list[int]) -> bytes:
    sizes = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, sizes)))


def model(matrix: npt.NDArray[np.float32], *, flat: bool = True) -> bytes:
    """Means of the three channels, times a matrix; or, not flattened, the channels themselves."""
    nodes = [node("GlobalAveragePool", ["image"], "mean"), node("Flatten", ["mean"], "flat"), node("MatMul", ["flat", "m"], "out")]
    shape, stored = [1, matrix.shape[1]], field(1, 3) + field(1, matrix.shape[1]) + field(2, 1) + field(8, b"m")
    if not flat:
        nodes, shape = [node("Relu", ["image"], "out")], [1, 3, 8, 8]
    graph = b"".join(field(1, one) for one in nodes) + field(2, b"tiny") + field(5, stored + field(9, matrix.tobytes()))
    graph += field(11, tensor("image", [1, 3, 8, 8])) + field(12, tensor("out", shape))
    return field(1, 7) + field(8, field(2, 13)) + field(7, graph)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(data: bytes) -> tuple[Path, str]:
        path = tmp_path / "embedder.onnx"
        path.write_bytes(data)
        return path, hashlib.sha256(data).hexdigest()

    return write


def chips(count: int = 3) -> Image:
    """Noise of three quite different channels."""
    return np.random.default_rng(0).integers((0, 50, 100), (100, 120, 256), (count, 8, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize("rgb", [True, False])
def test_an_embedding_is_what_the_network_answers(written: Written, rgb: bool) -> None:
    found = OnnxEmbedder(*written(model(MATRIX)), replace(FEED, rgb=rgb))(chips())
    fed = (chips().astype(np.float64) - FEED.mean).mean((1, 2)) * 0.01
    wanted = (fed if rgb else fed[:, ::-1]) @ MATRIX
    assert found.dtype == np.float32
    assert found == pytest.approx(wanted / np.linalg.norm(wanted, axis=1, keepdims=True), abs=1e-5)


def test_an_embedding_does_not_depend_on_its_neighbours(written: Written) -> None:
    embedder = OnnxEmbedder(*written(model(MATRIX)), FEED)
    together = embedder(chips(5))
    assert np.array_equal(together, np.concatenate([embedder(chips(5)[k : k + 1]) for k in range(5)]))


def test_a_zero_answer_stays_zero(written: Written) -> None:
    assert not OnnxEmbedder(*written(model(np.zeros_like(MATRIX))), FEED)(chips()).any()


def test_the_signature_tells_files_and_feeds_apart(written: Written) -> None:
    one = OnnxEmbedder(*written(model(MATRIX)), FEED).signature
    other_file = OnnxEmbedder(*written(model(2 * MATRIX)), FEED).signature
    other_feed = OnnxEmbedder(*written(model(MATRIX)), replace(FEED, rgb=False)).signature
    assert len({one, other_file, other_feed}) == 3


def test_another_sha256_is_refused(written: Written) -> None:
    path, sha256 = written(model(MATRIX))
    with pytest.raises(InputError, match=rf"embedder\.onnx is another file: its sha256 is {sha256}"):
        OnnxEmbedder(path, "0" * 64, FEED)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.onnx cannot be read"):
        OnnxEmbedder(tmp_path / "none.onnx", "0" * 64)


@pytest.mark.parametrize("data", [b"", b"not a model" * 20, model(MATRIX)[:-40]], ids=["empty", "other", "cut"])
def test_what_is_no_network_is_refused(written: Written, data: bytes) -> None:
    with pytest.raises(InputError, match=r"embedder\.onnx is nothing that OpenCV"):
        OnnxEmbedder(*written(data), FEED)


def test_a_detector_is_refused(shared: Path) -> None:
    path = shared / "models" / "face_detection_yunet_2026may.onnx"
    with pytest.raises(InputError, match="12 outputs"):
        OnnxEmbedder(path, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_network_that_answers_with_an_image_is_refused(written: Written) -> None:
    with pytest.raises(InputError, match="one vector a face"):
        OnnxEmbedder(*written(model(MATRIX, flat=False)), FEED)(chips())


def test_values_that_are_not_finite_are_refused(written: Written) -> None:
    with pytest.raises(InputError, match="not finite"):
        OnnxEmbedder(*written(model(np.full_like(MATRIX, np.inf))), FEED)(chips())


@pytest.mark.parametrize("bad", [chips()[:0], chips()[:, :7], chips() / 255], ids=["none", "size", "range"])
def test_other_chips_are_refused(written: Written, bad: Image) -> None:
    with pytest.raises(ValueError, match=r"8, 8, 3\) uint8"):
        OnnxEmbedder(*written(model(MATRIX)), FEED)(bad)
