"""The descriptor in torch, against dlib's own."""

import functools
from pathlib import Path

import cv2
import dlib
import numpy as np
import numpy.typing as npt
import pytest

from occbench import weights
from occbench.errors import InputError
from occbench.landmarks.alignment import crop, five_points, similarity
from occbench.landmarks.dlib68 import predict
from occbench.metrics import dlib_descriptor
from occbench.metrics.dlib_descriptor import SIDE, TEMPLATE, Descriptor

Image = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]

PEOPLE = ("Aaron_Eckhart_0001", "Abdullah_Gul_0009", "Zinedine_Zidane_0001", "Zinedine_Zidane_0004", "Abdullah_Gul_0003")
HEAD = (60.0, 60.0, 190.0, 190.0)  # where the face lies in every photograph of LFW


@pytest.fixture(scope="module")
def descriptor() -> Descriptor:
    return Descriptor()


@functools.cache
def reference(chip: bytes) -> Array:
    """What dlib itself says about a chip."""
    image = np.frombuffer(chip, np.uint8).reshape(SIDE, SIDE, 3)
    return np.array(_model().compute_face_descriptor(image), np.float64)


@functools.cache
def _model() -> dlib.face_recognition_model_v1:
    return dlib.face_recognition_model_v1(str(weights.find("dlib-descriptor")))


def read(path: Path) -> Image:
    stored = cv2.imread(str(path))
    assert stored is not None, path
    return np.ascontiguousarray(stored[..., ::-1], np.uint8)


def dlib_chip(image: Image, points: Array) -> Image:
    """The chip that dlib cuts out itself."""
    corners = dlib.points([dlib.point(round(x), round(y)) for x, y in points.tolist()])
    shape = dlib.full_object_detection(dlib.rectangle(*map(int, HEAD)), corners)
    return np.asarray(dlib.get_face_chip(image, shape, SIDE, 0.25), np.uint8)


@pytest.fixture(scope="module")
def faces(shared: Path) -> list[tuple[Image, Array]]:
    """Photographs and their 68 points."""
    root = shared / "data" / "lfw" / "lfw-deepfunneled"
    images = [read(root / name[:-5] / f"{name}.jpg") for name in PEOPLE]
    return [(image, np.asarray(predict(image, HEAD), np.float64)) for image in images]


@pytest.fixture(scope="module")
def chips(faces: list[tuple[Image, Array]]) -> Image:
    """As dlib cuts them out."""
    return np.stack([dlib_chip(*face) for face in faces])


def synthetic() -> Image:
    """Noise, a ramp, black and white."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    ramp = np.broadcast_to(np.linspace(0, 255, SIDE).astype(np.uint8)[:, None], (SIDE, SIDE, 3))
    return np.stack([noise, ramp, np.zeros_like(noise), np.full_like(noise, 255)])


def test_it_equals_dlib_on_real_faces(descriptor: Descriptor, chips: Image) -> None:
    found = descriptor(chips)
    assert found.dtype == np.float32
    assert np.abs(found - [reference(chip.tobytes()) for chip in chips]).max() < 1e-5


def test_it_equals_dlib_on_anything(descriptor: Descriptor) -> None:
    images = synthetic()
    assert np.abs(descriptor(images) - [reference(image.tobytes()) for image in images]).max() < 1e-5


def test_no_digit_depends_on_the_neighbours(descriptor: Descriptor) -> None:
    images = synthetic()
    together = descriptor(images)
    assert np.array_equal(together, np.concatenate([descriptor(image[None]) for image in images]))
    assert np.array_equal(together, descriptor(np.concatenate([images[::-1]] * 3))[3::-1])


def test_the_template_is_where_dlib_puts_faces(shared: Path) -> None:
    """Where each pixel comes from is seen on chips of an image that holds its own coordinates."""
    y, x = np.mgrid[:250, :250].astype(np.uint8)
    row, column = np.mgrid[:SIDE, :SIDE]
    found = []
    for path in sorted((shared / "data" / "lfw" / "lfw-deepfunneled").glob("*/*.jpg"))[::200]:
        points = np.asarray(predict(read(path), HEAD), np.float64)
        chip = dlib_chip(np.stack([x, y, x], axis=2), points).astype(np.float64)
        inside = ((chip > 3) & (chip < 246)).all(axis=2)
        source = np.column_stack([chip[inside][:, :2], np.ones(inside.sum())])
        matrix = np.linalg.lstsq(source, np.column_stack([column[inside], row[inside]]), rcond=None)[0]
        found.append(np.column_stack([five_points(points), np.ones(5)]) @ matrix)
    assert len(found) > 60
    assert np.abs(np.mean(found, axis=0) - TEMPLATE).max() < 2


def test_chips_by_the_template_say_the_same_as_dlibs(
    descriptor: Descriptor, chips: Image, faces: list[tuple[Image, Array]]
) -> None:
    """Two people are more than 0.6 apart."""
    ours = [crop(image, similarity(five_points(points), TEMPLATE), SIDE, SIDE) for image, points in faces]
    apart = np.linalg.norm(descriptor(np.stack(ours)) - descriptor(chips), axis=1)
    assert apart.max() < 0.3


def test_it_tells_people_apart(descriptor: Descriptor, chips: Image) -> None:
    found = descriptor(chips)
    people = [name[:-5] for name in PEOPLE]
    for i, one in enumerate(people):
        for j, other in enumerate(people[:i]):
            assert (np.linalg.norm(found[i] - found[j]) < 0.6) == (one == other), (one, other)


@pytest.mark.parametrize("shape", [(1, 149, 150, 3), (150, 150, 3), (1, 150, 150)])
def test_chips_of_another_size_are_refused(descriptor: Descriptor, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="chips are"):
        descriptor(np.zeros(shape, np.uint8))


def test_chips_of_another_range_are_refused(descriptor: Descriptor) -> None:
    with pytest.raises(ValueError, match="uint8"):
        descriptor(np.zeros((1, SIDE, SIDE, 3)))  # type: ignore[arg-type]


def model() -> bytes:
    return weights.find("dlib-descriptor", verify=False).read_bytes()


def refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.dat"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"model\.dat is not dlib's face descriptor: .*{said}"):
        Descriptor(path)


@pytest.mark.parametrize("kept", [0, 100, 345, 19_000, 1_000_000, -100_000])
def test_a_cut_file_is_refused(tmp_path: Path, kept: int) -> None:
    refused(tmp_path, model()[:kept], "holds|no layer|cut off")


@pytest.mark.parametrize("content", [b"", b"con_4", b"con_4" + b"\xff" * 80, b"con_4" * 29], ids=["empty", "bare", "ones", "names"])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path, content, "holds|no layer|cut off")


def test_the_model_of_the_68_points_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlib_descriptor, "_LARGEST", 1 << 20)  # all of it is quite large
    with pytest.raises(InputError, match="is not dlib's face descriptor"):
        Descriptor(weights.find("dlib68", verify=False))


def test_huge_sizes_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    """The first tensor's version and four sizes, each one byte with its count, are replaced."""
    content = model()
    at = content.index(b"con_4") + 5
    huge = b"\x01\x02" + (b"\x08" + b"\xff" * 7 + b"\x7f") * 4
    refused(tmp_path, content[:at] + huge + content[at:], "holds [0-9]{20,} values")


def test_a_longer_network_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, model() + b"con_4", "more layers")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.dat cannot be read"):
        Descriptor(tmp_path / "none.dat")
