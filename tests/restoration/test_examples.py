"""The photographs of a training split: each once, checked, and nothing of the other splits."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError
from occbench.images import encode_png, pixel_sha256
from occbench.manifest import MANIFEST, ManifestWriter, Pair
from occbench.restoration import create
from occbench.restoration.examples import training_images
from occbench.seeding import generator

Pixels = npt.NDArray[np.uint8]


def pair(number: int, split: str, photo: int, clean: Pixels) -> Pair:
    return Pair(
        pair_id=f"p{number}",
        source="sample",
        image_id=f"{photo}.jpg",
        identity=f"person-{photo}",
        split=split,
        occluder="black-box",
        variant="plain",
        index=number,
        seed=0,
        parameters={},
        landmarks=np.arange(136).reshape(68, 2) / 10,
        landmark_source="test 1",
        crop_matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        coverage=0.25,
        mask_fraction=0.125,
        yaw=0.0,
        pitch=0.0,
        roll=0.0,
        attributes=None,
        source_sha256="a" * 64,
        clean_sha256=pixel_sha256(clean),
        occluded_sha256="c" * 64,
        mask_sha256="d" * 64,
        clean_path=f"clean/{photo}.png",
        occluded_path=f"occluded/p{number}.png",
        mask_path=f"mask/p{number}.png",
        width=clean.shape[1],
        height=clean.shape[0],
        warnings=(),
    )


@pytest.fixture
def photographs() -> list[Pixels]:
    return [generator(number, "examples").integers(0, 256, (18, 20, 3), dtype=np.uint8) for number in range(4)]


@pytest.fixture
def dataset(tmp_path: Path, photographs: list[Pixels]) -> Path:
    """Two pairs each of four photographs, of which the first and the last are for training; only clean images exist."""
    (tmp_path / "clean").mkdir()
    with ManifestWriter(tmp_path / MANIFEST) as writer:
        for photo, (image, split) in enumerate(zip(photographs, ("train", "val", "test", "train"), strict=True)):
            (tmp_path / f"clean/{photo}.png").write_bytes(encode_png(image))
            for number in (2 * photo, 2 * photo + 1):
                writer.write(pair(number, split, photo, image))
    return tmp_path


def test_each_training_photograph_once(dataset: Path, photographs: list[Pixels]) -> None:
    found = list(training_images(dataset))
    assert len(found) == 2
    assert np.array_equal(found, [photographs[0], photographs[3]])


def test_the_mean_face_learns_from_a_data_set(dataset: Path) -> None:
    assert create("mean-face").prepare(lambda: training_images(dataset)).signature.startswith("mean-face|n:2|")


def test_no_training_split(tmp_path: Path, photographs: list[Pixels]) -> None:
    with ManifestWriter(tmp_path / MANIFEST) as writer:
        writer.write(pair(0, "test", 0, photographs[0]))
    with pytest.raises(InputError, match="no training split"):
        list(training_images(tmp_path))


def test_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(training_images(tmp_path))


def test_another_photograph(dataset: Path, photographs: list[Pixels]) -> None:
    (dataset / "clean/3.png").write_bytes(encode_png(photographs[1]))
    with pytest.raises(InputError, match=r"3\.png has other pixels"):
        list(training_images(dataset))


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_unreadable(dataset: Path, content: bytes | None) -> None:
    (dataset / "clean/0.png").unlink() if content is None else (dataset / "clean/0.png").write_bytes(content)
    with pytest.raises(InputError, match=r"0\.png: .*occbench verify"):
        list(training_images(dataset))
