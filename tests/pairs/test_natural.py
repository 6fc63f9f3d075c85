"""Natural photographs: found, aligned as synthesis aligns, kept."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError, UsageError
from occbench.images import encode_png, pixel_sha256
from occbench.landmarks.alignment import crop, crop_matrix, five_points
from occbench.manifest.natural import NATURAL, Sight, read_natural, write_natural
from occbench.pairs.natural import open_natural


@pytest.fixture
def photographs(tmp_path: Path, astronaut: npt.NDArray[np.uint8]) -> Path:
    folder = tmp_path / "photographs"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.png").write_bytes(encode_png(np.ascontiguousarray(astronaut[:300, 80:380])))
    (folder / "a.png").write_bytes(encode_png(np.full((80, 80, 3), 90, np.uint8)))
    (folder / "sub" / "c.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("stray")
    return folder


@pytest.mark.parametrize("window", [(0, 300, 80, 380), (50, 220, 165, 290)], ids=["loose", "tight"])
def test_faces_are_aligned_as_synthesis_aligns(
    photographs: Path, tmp_path: Path, astronaut: npt.NDArray[np.uint8], window: tuple[int, int, int, int]
) -> None:
    """But for what lies outside the frame: a mirror would show a second face."""
    from occbench.faces import open_source
    from occbench.landmarks.locate import Locator

    top, bottom, left, right = window
    photo = np.ascontiguousarray(astronaut[top:bottom, left:right])
    (photographs / "b.png").write_bytes(encode_png(photo))
    found = open_natural(photographs, 64, detectors=["dlib"], cache=tmp_path / "cache", workers=1)
    source = open_source("folder", photographs)
    face = next(face for face in source.faces() if face.image_id == "b.png")
    matrix = crop_matrix(five_points(Locator(source, ["dlib"], None).locate(photo, "", face).points), 64)
    assert found.images.shape == (1, 64, 64, 3)
    assert np.array_equal(found.images[0], crop(photo, matrix, 64, 64, mirrored=False))
    assert np.array_equal(found.images[0], crop(photo, matrix, 64, 64)) == (window[0] == 0)
    assert found.rejected == 2


def test_they_are_looked_at_once(photographs: Path, tmp_path: Path) -> None:
    heard: list[int] = []
    for _ in range(2):
        open_natural(
            photographs, 64, detectors=["dlib"], cache=tmp_path / "c", workers=1, progress=lambda done, total: heard.append(done)
        )
    assert heard == [1, 2, 3]


def test_a_folder_without_faces_is_refused(photographs: Path, tmp_path: Path) -> None:
    (photographs / "b.png").unlink()
    with pytest.raises(InputError, match="no face was found"):
        open_natural(photographs, 64, detectors=["dlib"], cache=tmp_path / "cache", workers=1)


def test_a_folder_without_photographs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises((InputError, UsageError)):
        open_natural(tmp_path / "empty", 64, detectors=["dlib"], cache=tmp_path / "cache")


@pytest.mark.real
def test_real_masked_faces_are_found(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    few = tmp_path / "few"
    few.mkdir()
    for photograph in sorted((shared / "data" / "natural" / "masked").iterdir())[:12]:
        (few / photograph.name).write_bytes(photograph.read_bytes())
    found = open_natural(few, 64, cache=tmp_path / "cache", workers=1)
    assert len(found.images) + found.rejected == 12
    assert len(found.images) >= 7


def test_photographs_that_were_added_are_found(photographs: Path, tmp_path: Path) -> None:
    """In the process that looked before, too."""
    found = []
    for _ in range(2):
        found.append(len(open_natural(photographs, 64, detectors=["dlib"], cache=tmp_path / "cache", workers=1).images))
        (photographs / "z.png").write_bytes((photographs / "b.png").read_bytes())
    assert found == [1, 2]


def test_a_link_to_nothing_is_named(photographs: Path, tmp_path: Path) -> None:
    (photographs / "z.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"z\.png"):
        open_natural(photographs, 64, detectors=["dlib"], cache=tmp_path / "cache", workers=1)


def test_another_size_is_another_array(photographs: Path, tmp_path: Path) -> None:
    shapes = [open_natural(photographs, s, detectors=["dlib"], cache=tmp_path / "c", workers=1).images.shape for s in (32, 64)]
    assert shapes == [(1, 32, 32, 3), (1, 64, 64, 3)]


def natural_set(root: Path, size: int = 32) -> list[npt.NDArray[np.uint8]]:
    """A natural set as `occbench import` writes it: train masked, train glasses, train neutral, test masked; returns its crops."""
    (root / "images" / "0000").mkdir(parents=True)
    crops, rows = [], []
    for number, (split, kind) in enumerate([("train", "masked"), ("train", "glasses"), ("train", "neutral"), ("test", "masked")]):
        crop = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
        path = f"images/0000/{number}.png"
        (root / path).write_bytes(encode_png(crop))
        crops.append(crop)
        rows.append(
            Sight(
                image_id=f"{number}.jpg",
                source="test",
                identity=str(number),
                split=split,
                kind=kind,
                landmarks=np.zeros((68, 2)),
                landmark_source="test",
                crop_matrix=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
                yaw=0.0,
                pitch=0.0,
                roll=0.0,
                attributes=None,
                source_sha256="0" * 64,
                sha256=pixel_sha256(crop),
                path=path,
                width=size,
                height=size,
                warnings=(),
            )
        )
    write_natural(root / NATURAL, rows)
    return crops


def test_an_imported_set_is_taken_as_it_is(tmp_path: Path) -> None:
    crops = natural_set(tmp_path / "set")
    found = open_natural(tmp_path / "set", 32, detectors=["no-such-detector"], cache=tmp_path / "cache", workers=1)
    assert np.array_equal(found.images, np.stack(crops[:2]))  # of the training split, and with something before the face
    assert found.rejected == 0


def test_an_imported_set_is_scaled_down_and_never_up(tmp_path: Path) -> None:
    natural_set(tmp_path / "set", 64)
    assert open_natural(tmp_path / "set", 32, cache=tmp_path / "cache", workers=1).images.shape == (2, 32, 32, 3)
    with pytest.raises(InputError, match="--size 128"):
        open_natural(tmp_path / "set", 128, cache=tmp_path / "cache", workers=1)


def test_a_changed_crop_is_noticed(tmp_path: Path) -> None:
    natural_set(tmp_path / "set")
    (tmp_path / "set" / "images/0000/1.png").write_bytes(encode_png(np.zeros((32, 32, 3), np.uint8)))
    with pytest.raises(InputError, match=r"1\.png has other pixels"):
        open_natural(tmp_path / "set", 32, cache=tmp_path / "cache", workers=1)


def test_an_imported_set_without_anything_to_train_on(tmp_path: Path) -> None:
    natural_set(tmp_path / "set")
    rows = [row for row in read_natural(tmp_path / "set" / NATURAL) if row.kind == "neutral" or row.split == "test"]
    write_natural(tmp_path / "set" / NATURAL, rows)
    with pytest.raises(InputError, match="no photograph of the training split"):
        open_natural(tmp_path / "set", 32, cache=tmp_path / "cache", workers=1)
