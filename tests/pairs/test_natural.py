"""Natural photographs: found, aligned as synthesis aligns, kept."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError, UsageError
from occbench.images import encode_png
from occbench.landmarks.alignment import crop, crop_matrix, five_points
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


def test_faces_are_aligned_as_synthesis_aligns(photographs: Path, tmp_path: Path, astronaut: npt.NDArray[np.uint8]) -> None:
    from occbench.faces import open_source
    from occbench.landmarks.locate import Locator

    found = open_natural(photographs, 64, detectors=["dlib"], cache=tmp_path / "cache", workers=1)
    source = open_source("folder", photographs)
    face = next(face for face in source.faces() if face.image_id == "b.png")
    photo = np.ascontiguousarray(astronaut[:300, 80:380])
    points = Locator(source, ["dlib"], None).locate(photo, "", face).points
    expected = crop(photo, crop_matrix(five_points(points), 64), 64, 64)
    assert found.images.shape == (1, 64, 64, 3)
    assert np.array_equal(found.images[0], expected)
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
