"""Paired imports: an ordinary data set comes out, the same for any number of workers, and nothing is dropped silently."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from occbench.errors import InputError, UsageError
from occbench.importing import open_layout
from occbench.importing.dataset import import_pairs
from occbench.importing.pair import Settings
from occbench.manifest import MANIFEST, read
from occbench.manifest.verify import verify

Tree = Callable[[Path], dict[str, str]]

AS_IS = Settings("none", 128, ("dlib",))


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., Path]:
    """`bring(layout, root, ...)`: imports into a folder and returns it."""

    def bring(layout: str, root: Path, out: str = "out", settings: Settings = AS_IS, **options: Any) -> Path:
        folders = {key: options.pop(key) for key in ("clean",) if key in options}
        opened = open_layout(layout, options.pop("name", None), root=root, **folders)
        import_pairs(opened, layout, settings, tmp_path / out, **{"workers": 1, **options})
        return tmp_path / out

    return bring


def refused(out: Path) -> dict[str, str]:
    with (out / "rejects.csv").open(encoding="utf-8", newline="") as stream:
        return {row["image_id"]: row["reason"] for row in csv.DictReader(stream)}


def test_given_masks_are_kept_and_pixels_untouched(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    out = bring("paired", fakes.paired(tmp_path / "in"), name="theirs")
    assert verify(out, workers=1).ok
    rows = list(read(out / MANIFEST))
    assert len(rows) == 12
    row = rows[3]
    assert (row.source, row.image_id, row.identity, row.occluder) == ("theirs", "person1/003.png", "person1", "imported")
    assert row.parameters["imported"]["mask"] == "given"
    assert row.warnings == ("average-geometry",)
    for folder, path in (("clean", row.clean_path), ("occluded", row.occluded_path), ("mask", row.mask_path)):
        theirs = np.array(Image.open(tmp_path / "in" / folder / "person1" / "003.png"))
        assert np.array_equal(np.array(Image.open(out / path)), theirs)
    assert not refused(out)


def test_visible_pixels_come_from_the_clean_image(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    out = bring("paired", fakes.paired(tmp_path / "in", suffix=".jpg", masks=False))
    assert verify(out, workers=1).ok
    for row in read(out / MANIFEST):
        assert {"mask-from-difference", "visible-from-clean"} <= set(row.warnings)
        imported = row.parameters["imported"]
        assert imported["mask"] == "difference"
        assert 0 < imported["replaced"] < 0.5
        assert 0 < imported["largest"] < 80


def test_crops_take_all_three_along(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    out = bring("paired", fakes.paired(tmp_path / "in"), settings=Settings("aligned", 48, ("dlib",)))
    assert verify(out, workers=1).ok
    row = next(read(out / MANIFEST))
    assert (row.width, row.height) == (48, 48)
    mask = np.array(Image.open(out / row.mask_path))
    assert 0.05 < (mask >= 128).mean() < 0.5
    assert len(np.unique(mask)) > 2  # soft edges


def test_any_number_of_workers(fakes: ModuleType, bring: Any, tmp_path: Path, tree: Tree) -> None:
    root = fakes.deocclusion_3dmm(tmp_path / "in", 3, 1)
    assert tree(bring("3dmm-deocclusion", root, "one")) == tree(bring("3dmm-deocclusion", root, "two", workers=2))


def test_every_version_of_a_photograph_shares_its_clean_image(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    out = bring("3dmm-deocclusion", fakes.deocclusion_3dmm(tmp_path / "in", 3, 1))
    rows = list(read(out / MANIFEST))
    assert len(rows) == 16
    assert len({row.clean_path for row in rows}) == 4
    assert {(row.occluder, row.index) for row in rows} == {("cup", 0), ("cup", 1), ("cup", 2), ("glasses", 0)}
    assert verify(out, workers=1).ok


def test_what_cannot_be_used_is_listed(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    root = fakes.paired(tmp_path / "in", masks=False)
    shutil.copy(root / "clean/person0/000.png", root / "occluded/person0/000.png")
    (root / "clean/person0/001.png").write_bytes(b"no picture")
    fakes.save(fakes.picture(0, 80), root / "occluded/person1/002.png")
    (root / "occluded/person1/003.png").write_bytes(b"")
    (root / "occluded/person2/004.png").unlink()
    out = bring("paired", root)
    assert refused(out) == {
        "person0/000.png": "invisible",
        "person0/001.png": "undecodable",
        "person1/002.png": "size-differs",
        "person1/003.png": "undecodable",
        "person2/004.png": "no-occluded",
    }
    assert len(list(read(out / MANIFEST))) == 7
    assert verify(out, workers=1).ok  # also: no file that no row names


def test_inverted_masks(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    root = fakes.paired(tmp_path / "in", 2)
    for path in (root / "mask").rglob("*.png"):
        fakes.save(255 - np.array(Image.open(path)), path)
    assert set(refused(bring("paired", root, "wrong")).values()) == {"mask-mismatch"}
    out = bring("paired", root, "right", Settings("none", 128, ("dlib",), inverted=True))
    assert not refused(out)
    assert verify(out, workers=1).ok


def test_squares_on_lfw(fakes: ModuleType, bring: Any, tmp_path: Path, lfw_layout: Callable[[], Any]) -> None:
    module = lfw_layout()
    module.TRAIN, module.TEST = dict(list(module.TRAIN.items())[:8]), dict(list(module.TEST.items())[:4])
    lfw = module.build(tmp_path / "lfw")
    for number, path in enumerate(sorted(lfw.rglob("*.jpg"))):
        fakes.save(fakes.picture(number, 250), path, 95)
    where = {f"{path.name}": box for path, box in fakes.squares(lfw, tmp_path / "squares")}
    out = bring("lfw-black-squares", tmp_path / "squares", clean=tmp_path / "lfw", limit=6)
    assert verify(out, workers=1).ok
    rows = list(read(out / MANIFEST))
    assert len(rows) == 6
    for row in rows:
        x, y, width, height = where[row.parameters["imported"]["occluded"]]
        mask = np.array(Image.open(out / row.mask_path)) > 0
        true = np.zeros_like(mask)
        true[y : y + height, x : x + width] = True
        assert (mask & true).sum() / (mask | true).sum() > 0.6
        assert row.parameters["imported"]["mask"] == "square"


def test_our_own_data_set_comes_back_as_it_was(data: Path, bring: Any, tmp_path: Path) -> None:
    out = bring("paired", data)
    before, after = (
        sorted((row.clean_sha256, row.occluded_sha256, row.mask_sha256) for row in read(folder / MANIFEST))
        for folder in (data, out)
    )
    assert before == after


def test_an_interrupted_import_goes_on(
    fakes: ModuleType, bring: Any, tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fakes.paired(tmp_path / "in")
    seen = 0

    def stop(photographs: int, pairs: int, rejects: int) -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring("paired", root, progress=stop)
    assert not (tmp_path / "out" / MANIFEST).exists()
    with pytest.raises(UsageError, match="--resume"):
        bring("paired", root)
    bring("paired", root, resume=True)
    assert tree(tmp_path / "out") == tree(bring("paired", root, "whole"))


def test_overwriting_deletes_what_is_listed(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    bring("paired", fakes.paired(tmp_path / "in"))
    (tmp_path / "out" / "notes.txt").write_text("mine")
    bring("paired", fakes.paired(tmp_path / "few", 2), overwrite=True)
    assert verify(tmp_path / "out", workers=1).rows == 4
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_what_is_imported_is_never_overwritten(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    root = fakes.paired(tmp_path / "in", 2)
    with pytest.raises(UsageError, match="choose another folder"):
        bring("paired", root, "in", overwrite=True)
    assert len(list(root.rglob("*.png"))) == 12


def test_a_detector_without_weights_is_said_before_anything_is_written(
    fakes: ModuleType, bring: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCCBENCH_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError):
        bring("paired", fakes.paired(tmp_path / "in", 1), settings=Settings("none", 128, ("yunet",)))
    assert not (tmp_path / "out").exists()


def test_the_card_says_what_was_done(fakes: ModuleType, bring: Any, tmp_path: Path) -> None:
    out = bring("paired", fakes.paired(tmp_path / "in", 3, suffix=".jpg", masks=False))
    card = (out / "README.md").read_text(encoding="utf-8")
    for words in ("Somebody else made the pairs", "mask-from-difference | 6", "cannot be made again", "layout: paired"):
        assert words in card
    assert (out / "contact_sheet.png").exists()


@pytest.mark.real
def test_real_pairs_through_jpeg(shared: Path, bring: Any, tmp_path: Path) -> None:
    """Masks found in recompressed pairs lie where they lie in the originals."""
    from occbench.synthesis.dataset import synthesise
    from occbench.synthesis.recipe import resolve
    from occbench.synthesis.selection import Selection

    recipe = resolve({"source": "lfw", "occluders": ["mask", "cup"], "landmarks": ["dlib"], "split": "test", "limit": 4}, "test")
    synthesise(Selection(recipe, shared / "data" / "lfw"), tmp_path / "ours", workers=1)
    rows = list(read(tmp_path / "ours" / MANIFEST))
    for row in rows:
        photo = row.image_id.rpartition("/")[2]
        for kind, path, name in (("clean", row.clean_path, photo), ("gt", row.occluded_path, f"{photo}_{row.occluder}")):
            target = tmp_path / "in" / {"gt": "occluded"}.get(kind, kind) / row.identity / f"{name}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(tmp_path / "ours" / path).save(target, quality=90)
    out = bring("paired", tmp_path / "in")
    assert verify(out, workers=1).ok
    true = {(row.identity, row.occluder): np.array(Image.open(tmp_path / "ours" / row.mask_path)) >= 128 for row in rows}
    found = list(read(out / MANIFEST))
    assert len(found) == len(rows)
    for row in found:
        mask = np.array(Image.open(out / row.mask_path)) >= 128
        expected = true[row.identity, row.variant]
        assert (mask & expected).sum() / (mask | expected).sum() > 0.8
