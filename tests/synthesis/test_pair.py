from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial import ConvexHull
from skimage.draw import polygon2mask

from occbench.errors import Rejected
from occbench.faces import Face
from occbench.images import pixel_sha256
from occbench.landmarks import Landmarks
from occbench.landmarks.head import POINTS
from occbench.manifest import ManifestWriter, Pair, read
from occbench.occluders import OCCLUDERS
from occbench.synthesis.pair import IDENTITY, Photograph, clean_image, complete, plan_pair, prepare, render_pair
from occbench.synthesis.recipe import resolve

FACE = Face("folder", "some one/photo 1.jpg", Path("photo 1.jpg"), "some one", "test", warnings=("from-the-source",))
# The astronaut's face as dlib finds it, to a few pixels: 68 points of the average head, moved and scaled.
POINTS_IN_SOURCE = POINTS[:, :2] * 0.76 + (224.0, 111.0)


@pytest.fixture(scope="module")
def image(astronaut: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return astronaut


def photograph(image: npt.NDArray[np.uint8], points: Any = POINTS_IN_SOURCE, **recipe: Any) -> Photograph:
    return prepare(
        FACE, image, "0" * 64, Landmarks(points, "test 1", ("guessed",)), resolve({"source": "folder", **recipe}, "test")
    )


def rendered(photo: Photograph, occluder: str, index: int = 0, **recipe: Any) -> tuple[Pair, Any, Any]:
    chosen = resolve({"source": "folder", "occluders": [occluder], **recipe}, "test")
    row = plan_pair(photo, occluder, index, chosen, "0000")
    occluded, mask = render_pair(row, photo.clean)
    return complete(row, occluded, mask), occluded, mask


@pytest.mark.parametrize("occluder", OCCLUDERS)
def test_a_stored_row_renders_the_same_pixels(image: npt.NDArray[np.uint8], occluder: str, tmp_path: Path) -> None:
    photo = photograph(image, POINTS_IN_SOURCE + 0.0499)
    row, occluded, mask = rendered(photo, occluder)
    with ManifestWriter(tmp_path / "m.parquet") as writer:
        writer.write(row)
    (stored,) = read(tmp_path / "m.parquet")
    clean = clean_image(image, stored.crop_matrix, stored.width, stored.height)
    assert pixel_sha256(clean) == stored.clean_sha256
    again = render_pair(stored, clean)
    assert np.array_equal(again[0], occluded)
    assert np.array_equal(again[1], mask)
    assert (pixel_sha256(occluded), pixel_sha256(mask)) == (stored.occluded_sha256, stored.mask_sha256)


@pytest.mark.parametrize("occluder", OCCLUDERS)
def test_outside_the_mask_nothing_changes(image: npt.NDArray[np.uint8], occluder: str) -> None:
    photo = photograph(image)
    _, occluded, mask = rendered(photo, occluder)
    assert np.array_equal(occluded[mask == 0], photo.clean[mask == 0])
    assert (mask >= 128).any()
    assert not np.array_equal(occluded, photo.clean)


def test_pairs_of_one_photograph_differ(image: npt.NDArray[np.uint8]) -> None:
    photo = photograph(image)
    assert len({rendered(photo, "mask", index)[0].occluded_sha256 for index in range(4)}) == 4


def test_a_pair_depends_on_its_own_key_only(image: npt.NDArray[np.uint8]) -> None:
    photo = photograph(image)
    assert rendered(photo, "mask", 1, per_image=2)[0] == rendered(photo, "mask", 1, per_image=9)[0]
    assert rendered(photo, "mask", 1)[0].parameters != rendered(photo, "mask", 1, seed=1)[0].parameters


def test_variants_can_follow_each_other(image: npt.NDArray[np.uint8]) -> None:
    photo = photograph(image)
    names = [rendered(photo, "sunglasses", index, cycle_variants=True)[0].variant for index in range(20)]
    known = list(resolve({"source": "folder", "occluders": ["sunglasses"]}, "test").occluders["sunglasses"].variants)
    assert names == [known[index % len(known)] for index in range(20)]


def test_coverage_and_fraction_are_areas(image: npt.NDArray[np.uint8]) -> None:
    photo = photograph(image)
    row = plan_pair(photo, "mask", 0, resolve({"source": "folder"}, "test"), "0000")
    everything = complete(row, photo.clean, np.full((128, 128), 255, np.uint8))
    assert (everything.coverage, everything.mask_fraction) == (1.0, 1.0)
    upper = np.zeros((128, 128), np.uint8)
    upper[:64] = 128
    assert complete(row, photo.clean, upper).mask_fraction == 0.5
    assert 0.1 < complete(row, photo.clean, upper).coverage < 0.6
    soft = complete(row, photo.clean, np.full((128, 128), 127, np.uint8))
    assert (soft.coverage, soft.mask_fraction) == (0.0, 0.0)
    assert "low-coverage" in soft.warnings


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("occluder", ["mask", "sunglasses", "black-box"])
def test_coverage_is_what_another_polygon_filler_counts(image: npt.NDArray[np.uint8], occluder: str, size: int) -> None:
    row, occluded, mask = rendered(photograph(image, size=size), occluder, size=size)
    assert occluded.shape == (size, size, 3)
    a, b, tx, c, d, ty = row.crop_matrix
    x, y = row.landmarks.T
    points = np.stack([c * x + d * y + ty, a * x + b * y + tx], axis=1)
    corners = points[ConvexHull(points).vertices]
    face = polygon2mask((size, size), corners)
    assert row.coverage == pytest.approx((face & (mask >= 128)).sum() / face.sum(), abs=2 / size)
    assert row.mask_fraction == pytest.approx((mask >= 128).mean(), abs=1e-4)


def test_warnings_of_source_and_detector_are_kept(image: npt.NDArray[np.uint8]) -> None:
    assert photograph(image).warnings == ("from-the-source", "guessed")


def test_a_crop_that_leaves_the_photograph_has_a_warning(image: npt.NDArray[np.uint8]) -> None:
    assert "crop-outside-frame" in photograph(image, POINTS_IN_SOURCE - (170, 0)).warnings


def test_a_small_face_has_a_warning(image: npt.NDArray[np.uint8]) -> None:
    assert "upscaled" in photograph(image, POINTS_IN_SOURCE, size=512).warnings


def test_angles_are_those_of_the_photograph(image: npt.NDArray[np.uint8]) -> None:
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])  # clockwise in the image, by 36.9 degrees
    turned = (POINTS_IN_SOURCE - POINTS_IN_SOURCE.mean(axis=0)) @ turn + POINTS_IN_SOURCE.mean(axis=0)
    yaw, pitch, roll = photograph(image, turned).angles
    assert (yaw, pitch) == pytest.approx((0, 0), abs=0.5)
    assert roll == pytest.approx(36.9, abs=0.2)


def test_without_a_crop_the_photograph_is_kept(image: npt.NDArray[np.uint8]) -> None:
    photo = photograph(image, crop="none")
    row, _, mask = rendered(photo, "mask", crop="none")
    assert photo.clean is image
    assert (row.crop_matrix, row.width, row.height, mask.shape) == (IDENTITY, 512, 512, (512, 512))


@pytest.mark.parametrize("points", [np.zeros((68, 2)), np.full((68, 2), 77.7), np.outer(np.arange(68), (1, 1))])
def test_landmarks_without_a_pose_are_rejected(image: npt.NDArray[np.uint8], points: npt.NDArray[np.float64]) -> None:
    with pytest.raises(Rejected) as caught:
        photograph(image, points)
    assert caught.value.reason == "bad-geometry"


def test_an_occluder_outside_the_frame_is_rejected(image: npt.NDArray[np.uint8]) -> None:
    photo = photograph(image)
    row = plan_pair(photo, "mask", 0, resolve({"source": "folder"}, "test"), "0000")
    away = replace(row, landmarks=row.landmarks + 5000)
    with pytest.raises(Rejected) as caught:
        render_pair(away, photo.clean)
    assert caught.value.reason == "empty-mask"


def test_paths_are_plain(image: npt.NDArray[np.uint8]) -> None:
    row, _, _ = rendered(photograph(image), "mask")
    assert row.clean_path.startswith("clean/0000/")
    assert row.occluded_path == f"occluded/0000/{row.pair_id}.png"
    assert row.mask_path == f"mask/0000/{row.pair_id}.png"
    assert row.pair_id == row.pair_id.lower()
    assert " " not in row.clean_path
