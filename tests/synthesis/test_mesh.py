"""Rows of detectors that have a mesh: masks follow it, the row alone says how, and others' rows cannot say anything wild."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from occbench.faces import Face
from occbench.images import pixel_sha256
from occbench.landmarks import Landmarks, Mesh
from occbench.landmarks.head import MESH, POINTS, estimate_pose
from occbench.manifest import ManifestWriter, Pair, read
from occbench.synthesis.dataset import rebuild, synthesise
from occbench.synthesis.pair import Photograph, clean_image, complete, plan_pair, prepare, render_pair
from occbench.synthesis.recipe import resolve
from occbench.synthesis.selection import Rows, Selection

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

FACE = Face("folder", "a/b.jpg", Path("b.jpg"), "a", "test")
POINTS_IN_SOURCE = np.rint((POINTS[:, :2] * 0.76 + (224.0, 111.0)) * 10) / 10
MESH_IN_SOURCE = np.rint((MESH[:, :2] * 0.76 + (224.0, 111.0)) * 10) / 10
MOVED = MESH_IN_SOURCE + np.array([3.1, -2.7])
TURNED = ((0.8, 0.0, 0.6), (0.0, 1.0, 0.0), (-0.6, 0.0, 0.8))


def photograph(image: Image, mesh: Mesh | None) -> Photograph:
    landmarks = Landmarks(POINTS_IN_SOURCE, "test 1", (), mesh)
    return prepare(FACE, image, "0" * 64, landmarks, resolve({"source": "folder"}, "test"))


def planned(image: Image, points: Array | None = MESH_IN_SOURCE, occluder: str = "mask") -> tuple[Pair, Image]:
    photo = photograph(image, None if points is None else Mesh(points, TURNED))
    return plan_pair(photo, occluder, 0, resolve({"source": "folder", "occluders": [occluder]}, "test"), "0000"), photo.clean


def test_a_stored_row_renders_the_same_pixels(astronaut: Image, tmp_path: Path) -> None:
    row, clean = planned(astronaut, MOVED)
    occluded, mask = render_pair(row, clean)
    with ManifestWriter(tmp_path / "m.parquet") as writer:
        writer.write(complete(row, occluded, mask))
    (stored,) = read(tmp_path / "m.parquet")
    assert stored.parameters["mesh"] == pytest.approx(np.ravel(MOVED), abs=1e-9)
    again = render_pair(stored, clean_image(astronaut, stored.crop_matrix, stored.width, stored.height))
    assert (pixel_sha256(again[0]), pixel_sha256(again[1])) == (stored.occluded_sha256, stored.mask_sha256)


def test_the_mask_follows_the_mesh(astronaut: Image) -> None:
    lowered = MESH_IN_SOURCE.copy()
    lowered[MESH[:, 1] > 80, 1] += 12  # a longer chin than the landmarks tell
    _, low = render_pair(*planned(astronaut, lowered))
    _, plain = render_pair(*planned(astronaut, None))
    bottom, plain_bottom = (np.flatnonzero((mask >= 128).any(axis=1)).max() for mask in (low, plain))
    assert bottom - plain_bottom >= 3


def test_rows_without_a_mesh_do_not_mention_it(astronaut: Image) -> None:
    assert "mesh" not in planned(astronaut, None)[0].parameters


@pytest.mark.parametrize("occluder", ["sunglasses", "black-box", "cup"])
def test_other_occluders_do_not_use_it(astronaut: Image, occluder: str) -> None:
    row, clean = planned(astronaut, MESH_IN_SOURCE + 5, occluder)
    plain, _ = planned(astronaut, None, occluder)
    assert "mesh" not in row.parameters
    assert np.array_equal(render_pair(row, clean)[0], render_pair(plain, clean)[0])


def test_the_pose_is_the_meshs_own(astronaut: Image) -> None:
    row, _ = planned(astronaut)
    assert (row.yaw, row.pitch, row.roll) == (36.9, 0.0, 0.0)
    row, _ = planned(astronaut, None)
    assert row.yaw == round(estimate_pose(POINTS_IN_SOURCE).yaw, 1)


def test_a_mesh_that_lies_elsewhere_is_left_out(astronaut: Image) -> None:
    row, clean = planned(astronaut, MESH_IN_SOURCE + np.array([60.0, 0.0]))
    assert "mesh" not in row.parameters
    render_pair(row, clean)


FLAT = np.ravel(MESH_IN_SOURCE).tolist()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "mesh",
        {"0": 1},
        FLAT[:-1],
        [*FLAT, 1.0],
        [*FLAT[:-1], None],
        [*FLAT[:-1], "1"],
        [*FLAT[:-1], True],
        [*FLAT[:-1], [1.0]],
        [*FLAT[:-1], float("nan")],
        [*FLAT[:-1], float("inf")],
        [*FLAT[:-1], 10**400],
        [*FLAT[:-1], 99_999.0],
        [value + 100 for value in FLAT],
        [0.0] * len(FLAT),
    ],
    ids=repr,
)
def test_hostile_meshes_are_refused(astronaut: Image, value: Any) -> None:
    row, clean = planned(astronaut)
    with pytest.raises(ValueError, match="mesh"):
        render_pair(replace(row, parameters={**row.parameters, "mesh": value}), clean)


@pytest.mark.real
def test_a_data_set_is_rebuilt_without_the_detector(with_mediapipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = with_mediapipe / "data" / "lfw"
    recipe = resolve({"source": "lfw", "occluders": ["mask", "cup"], "landmarks": ["mediapipe"], "limit": 6}, "test")
    synthesise(Selection(recipe, root), tmp_path / "made", workers=1, cache=tmp_path / "cache")
    synthesise(Selection(recipe, root), tmp_path / "again", workers=1, cache=tmp_path / "cache")
    monkeypatch.delenv("OCCBENCH_WEIGHTS")
    manifest = tmp_path / "made" / "manifest.parquet"
    rebuild(Rows(manifest), root, tmp_path / "rebuilt", workers=1)
    rows = list(read(manifest))
    assert {("mesh" in row.parameters) for row in rows if row.occluder == "mask"} == {True}
    assert rows == list(read(tmp_path / "again" / "manifest.parquet")) == list(read(tmp_path / "rebuilt" / "manifest.parquet"))
