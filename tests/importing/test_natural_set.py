"""Natural imports: aligned crops under a manifest, whole or not at all."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from occbench.errors import InputError, UsageError
from occbench.importing import open_layout
from occbench.importing.natural_set import NaturalSummary, import_natural
from occbench.manifest.natural import NATURAL, read_natural
from occbench.manifest.pixels import load
from occbench.manifest.verify import verify

Tree = Callable[[Path], dict[str, str]]


@pytest.fixture(scope="session")
def face(astronaut: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A face that dlib finds quickly."""
    return np.ascontiguousarray(astronaut[:240:2, 120:360:2])


@pytest.fixture
def rof(fakes: ModuleType, face: npt.NDArray[np.uint8], tmp_path: Path) -> Path:
    root: Path = fakes.rof(tmp_path / "rof", face)
    fakes.save(fakes.picture(1), root / "images" / "masked" / "ann_lee_wearing_mask" / "000002.jpg")
    return root


def bring(root: Path, out: Path, layout: str = "rof", workers: int = 1, overwrite: bool = False) -> NaturalSummary:
    opened = open_layout(layout, root=root)
    return import_natural(opened, layout, out, size=32, detectors=("dlib",), workers=workers, overwrite=overwrite)


def test_crops_and_rows(rof: Path, tmp_path: Path) -> None:
    summary = bring(rof, tmp_path / "out")
    rows = list(read_natural(tmp_path / "out" / NATURAL))
    assert Counter(row.kind for row in rows) == {"masked": 3, "sunglasses": 3, "neutral": 3}
    assert rows[0].image_id == "masked/ann_lee_wearing_mask/000001.jpg"
    assert rows[0].identity == "ann_lee"
    assert all(load(tmp_path / "out", row.path, row.sha256).shape == (32, 32, 3) for row in rows)
    assert summary.document()["images_by_kind"] == {"masked": 3, "sunglasses": 3, "neutral": 3}
    assert summary.rejects == {"no-face": 1}
    assert "masked/ann_lee_wearing_mask/000002.jpg,,no-face" in (tmp_path / "out" / "rejects.csv").read_text()
    assert "masked" in (tmp_path / "out" / "README.md").read_text()
    assert (tmp_path / "out" / "contact_sheet.png").exists()


def test_what_was_imported_can_be_verified(rof: Path, tmp_path: Path) -> None:
    bring(rof, tmp_path / "out")
    report = verify(tmp_path / "out", workers=1)
    assert (report.ok, report.rows, report.files) == (True, 9, 9)


def test_any_number_of_workers(rof: Path, tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occbench.importing.natural_set._TASK", 4)
    bring(rof, tmp_path / "one")
    bring(rof, tmp_path / "two", workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_glasses_and_attributes(fakes: ModuleType, face: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    bring(fakes.meglass(tmp_path / "in", face, 2), tmp_path / "out", "meglass")
    rows = list(read_natural(tmp_path / "out" / NATURAL))
    assert [row.kind for row in rows] == ["neutral", "glasses"] * 2
    assert rows[0].attributes == {"black_eyeglasses": 0, "test_list": "gallery_no_glass"}


def test_nothing_is_left_of_an_import_that_fails(fakes: ModuleType, tmp_path: Path) -> None:
    fakes.save(fakes.picture(1), tmp_path / "in" / "1.jpg")
    with pytest.raises(InputError, match="No face was found in any of 1 photographs"):
        bring(tmp_path / "in", tmp_path / "out", "natural")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_another_import_needs_to_be_asked_for(rof: Path, fakes: ModuleType, face: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    out = tmp_path / "out"
    bring(rof, out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="--overwrite"):
        bring(rof, out)
    bring(fakes.meglass(tmp_path / "in", face, 1), out, "meglass", overwrite=True)
    assert [row.source for row in read_natural(out / NATURAL)] == ["meglass"] * 2
    assert len(list((out / "images").rglob("*.png"))) == 2
    assert (out / "notes.txt").read_text() == "mine"


def test_a_failed_import_leaves_the_old_one(rof: Path, fakes: ModuleType, tmp_path: Path, tree: Tree) -> None:
    bring(rof, tmp_path / "out")
    before = tree(tmp_path / "out")
    fakes.save(fakes.picture(1), tmp_path / "in" / "1.jpg")
    with pytest.raises(InputError):
        bring(tmp_path / "in", tmp_path / "out", "natural", overwrite=True)
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("name", ["images/mine.png", "images/0000/notes.txt", ".occbench/mine.json", "images/empty/"])
def test_files_of_others_among_the_images_stop_it_at_once(rof: Path, tmp_path: Path, tree: Tree, name: str) -> None:
    bring(rof, tmp_path / "out")
    (tmp_path / "out" / name).mkdir() if name.endswith("/") else (tmp_path / "out" / name).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(InputError, match=name.rstrip("/")):
        bring(rof, tmp_path / "out", overwrite=True)
    assert tree(tmp_path) == before


def test_what_a_killed_import_left_does_not_matter(rof: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getpid", lambda: 7)  # as in every container
    (tmp_path / ".out.7.tmp").mkdir()
    bring(rof, tmp_path / "out")


def test_a_folder_of_something_else_is_left_alone(rof: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="no natural set"):
        bring(rof, tmp_path / "out", overwrite=True)


def test_a_natural_set_beside_the_photographs_is_not_taken_for_some(rof: Path, tmp_path: Path) -> None:
    bring(rof, rof / "images" / "out")
    assert bring(rof, tmp_path / "again").photographs == 10


@pytest.mark.real
def test_real_photographs(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(shared / "models"))
    layout = open_layout("natural", root=shared / "data" / "natural" / "sunglasses")
    summary = import_natural(layout, "natural", tmp_path / "out", size=32, detectors=("yunet",), limit=10, workers=1)
    assert summary.images.total() >= 8
    assert {row.kind for row in read_natural(tmp_path / "out" / NATURAL)} == {"sunglasses"}
