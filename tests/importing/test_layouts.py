"""Layouts: what belongs together, who is who, and that no file is dropped silently."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from occbench import registry
from occbench.errors import InputError, UsageError
from occbench.importing import LAYOUTS, open_layout


def touch(root: Path, *names: str) -> Path:
    """Files whose names are all that matters."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"-")
    return root


def reasons(rejects: Any) -> list[tuple[str, str]]:
    return sorted((reject.image_id, reject.reason) for reject in rejects)


def test_every_layout_describes_itself() -> None:
    for name in LAYOUTS:
        kind = registry.load("layouts", LAYOUTS, name)
        assert kind.__doc__
        assert kind.licence


def test_a_wrong_layout_is_named() -> None:
    with pytest.raises(UsageError, match="meglass"):
        open_layout("megalass")


def test_a_wrong_option_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'rof' has no --masks.*--root"):
        open_layout("rof", root=tmp_path, masks=tmp_path)


def test_the_name_of_a_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lfw"):
        open_layout("natural", "lfw", root=tmp_path)


@pytest.mark.parametrize("name", ["a\nb", "", "x" * 201, "\udcff"])
def test_a_name_that_no_manifest_holds_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can be printed"):
        open_layout("natural", name, root=tmp_path)


# paired


def test_pairs_are_matched_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "gt/ann/1.png", "gt/ann/2.png", "Occluded/ann/1.jpg", "Occluded/ann/1_cup.jpg", "Occluded/ann/3.jpg")
    couples, rejects = open_layout("paired", root=tmp_path).couples()
    ((couple),) = couples
    assert (couple.face.image_id, couple.face.identity, couple.face.source) == ("ann/1.png", "ann", "paired")
    assert [(v.name, v.variant, v.index, v.mask) for v in couple.occluded] == [
        ("ann/1.jpg", "imported", 0, None),
        ("ann/1_cup.jpg", "cup", 1, None),
    ]
    assert reasons(rejects) == [("ann/2.png", "no-occluded"), ("ann/3.jpg", "no-clean")]


def test_the_longest_name_owns_an_occluded_image(tmp_path: Path) -> None:
    touch(tmp_path, "clean/a.png", "clean/a_b.png", "occluded/a_b_c.png", "occluded/a-b.png")
    couples, _ = open_layout("paired", root=tmp_path).couples()
    assert {c.face.image_id: [v.variant for v in c.occluded] for c in couples} == {"a.png": ["b"], "a_b.png": ["c"]}


def test_masks_belong_to_pairs_or_photographs(tmp_path: Path) -> None:
    touch(tmp_path, "clean/a.png", "clean/b.png", "occluded/a_1.png", "occluded/a_2.png", "occluded/b.png")
    touch(tmp_path, "mask/a.png", "mask/a_2.png", "mask/z.png")
    couples, rejects = open_layout("paired", root=tmp_path).couples()
    (couple,) = couples
    assert [v.mask.name for v in couple.occluded if v.mask] == ["a.png", "a_2.png"]
    assert reasons(rejects) == [("b.png", "no-mask"), ("b.png", "no-occluded"), ("z.png", "unused-mask")]


def test_two_files_that_differ_in_their_ending_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "clean/a.png", "clean/a.jpg", "clean/b.png", "occluded/a.png", "occluded/b.png")
    couples, rejects = open_layout("paired", root=tmp_path).couples()
    assert [c.face.image_id for c in couples] == ["b.png"]
    assert reasons(rejects) == [("a.jpg", "ambiguous"), ("a.png", "ambiguous"), ("a.png", "no-clean")]


def test_folders_of_splits_are_kept(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for number in range(10):
            touch(tmp_path, f"{split}/clean/{number}.png", f"{split}/occluded/{number}.png")
    couples, _ = open_layout("paired", root=tmp_path).couples()
    assert {c.face.split for c in couples if c.face.image_id.startswith("train/")} == {"train", "val"}
    assert {c.face.split for c in couples if c.face.image_id.startswith("test/")} == {"test"}
    assert len({c.face.identity for c in couples}) == 20  # file 1 of one split is not file 1 of the other
    assert couples[0].face.warnings == ("identity-from-filename",)


def test_a_person_in_two_splits_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{kind}/{split}/ann/1.png" for kind in ("clean", "occluded") for split in ("train", "test")))
    with pytest.raises(InputError, match=r"'ann'.*more than one split"):
        open_layout("paired", root=tmp_path).couples()


def test_folders_can_be_named(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/1.png")
    couples, rejects = open_layout("paired", "mine", occluded=tmp_path / "a", clean=tmp_path / "b").couples()
    assert [(c.face.source, c.face.image_id) for c in couples] == [("mine", "1.png")]
    assert rejects == []


def test_what_was_looked_for_is_said(tmp_path: Path) -> None:
    touch(tmp_path, "left/1.png", "right/1.png")
    with pytest.raises(InputError, match=r"No paired folders at .*occluded: .*clean: .*--occluded"):
        open_layout("paired", root=tmp_path).couples()
    touch(tmp_path, "clean/1.png", "occluded/2.png")
    with pytest.raises(InputError, match="no occluded file has the name of a clean one"):
        open_layout("paired", root=tmp_path).couples()


def test_two_folders_of_one_kind_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "clean/1.png", "gt/1.png", "occluded/1.png")
    with pytest.raises(InputError, match=r"Which one is clean: .*clean or .*gt"):
        open_layout("paired", root=tmp_path).couples()


@pytest.mark.parametrize("given", [{}, {"clean": "a"}, {"root": "a", "clean": "a"}])
def test_folders_that_are_too_few_or_too_many(tmp_path: Path, given: dict[str, str]) -> None:
    touch(tmp_path, "a/1.png")
    with pytest.raises(UsageError, match="--root"):
        open_layout("paired", None, **{key: tmp_path / name for key, name in given.items()})


# names alone


def test_3dmm(fakes: ModuleType, tmp_path: Path) -> None:
    root = fakes.deocclusion_3dmm(tmp_path)
    touch(root, "README.jpg", "test/GT/image_test_0009.jpg", "train/occluded/image_train_0099_cup1.jpg")
    couples, rejects = open_layout("3dmm-deocclusion", root=root).couples()
    assert len(couples) == 15
    first = next(c for c in couples if c.face.image_id == "image_train_0001")
    assert [(v.occluder, v.variant, v.index) for v in first.occluded] == [
        ("cup", "cup1", 0),
        ("cup", "cup2", 1),
        ("cup", "cup10", 2),
        ("glasses", "glasses1", 0),
    ]
    assert {c.face.split for c in couples if "test" in c.face.image_id} == {"test"}
    assert {c.face.split for c in couples if "train" in c.face.image_id} == {"train", "val"}
    assert reasons(rejects) == [
        ("README.jpg", "unknown-name"),
        ("test/GT/image_test_0009.jpg", "no-occluded"),
        ("train/occluded/image_train_0099_cup1.jpg", "no-clean"),
    ]


def test_a_name_twice_is_ambiguous(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{folder}/image_train_000{n}.jpg" for folder in "ab" for n in (1, 2)), "c/image_train_0001_cup1.jpg")
    touch(tmp_path, "b/image_train_0003.jpg", "c/image_train_0003_cup1.jpg", "d/image_train_0003_cup1.jpg")
    couples, rejects = open_layout("3dmm-deocclusion", root=tmp_path).couples()
    assert [(c.face.image_id, len(c.occluded)) for c in couples] == [("image_train_0003", 1)]
    counts = [reason for _, reason in reasons(rejects)]
    assert (counts.count("ambiguous"), counts.count("no-clean")) == (5, 1)


def test_face_mask_lite(fakes: ModuleType, tmp_path: Path) -> None:
    couples, rejects = open_layout("face-mask-lite", root=fakes.face_mask_lite(tmp_path, 4)).couples()
    assert [(c.face.image_id, c.face.identity) for c in couples] == [(f"seed000{n}", f"seed000{n}") for n in range(4)]
    assert {(v.occluder, v.variant) for c in couples for v in c.occluded} == {("mask", "default-mask")}
    assert rejects == []


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    touch(tmp_path, "cat.jpg")
    with pytest.raises(InputError, match=r"looked for files called image_train_0001\.jpg"):
        open_layout("3dmm-deocclusion", root=tmp_path).couples()


# LFW


def test_squares_take_people_and_splits_from_lfw(fakes: ModuleType, tmp_path: Path, lfw_layout: Callable[[], Any]) -> None:
    lfw_layout().build(tmp_path / "lfw")
    names = [path.name for path, _ in fakes.squares(tmp_path / "lfw", tmp_path / "squares")]
    touch(tmp_path / "squares", "Nobody_0001_occ_10.jpg", "holiday.jpg")
    couples, rejects = open_layout("lfw-black-squares", root=tmp_path / "squares", clean=tmp_path / "lfw").couples()
    assert len(couples) == len(names)
    face = next(c.face for c in couples if c.face.image_id == "Test_01/Test_01_0001")
    assert (face.identity, face.split, face.warnings) == ("Test_01", "test", ("wears-sunglasses",))
    assert {v.occluder for c in couples for v in c.occluded} == {"black-box"}
    assert reasons(rejects) == [("Nobody_0001_occ_10.jpg", "no-clean"), ("holiday.jpg", "unknown-name")]


def test_squares_need_lfw(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--clean"):
        open_layout("lfw-black-squares", root=tmp_path)


# natural


def test_folders_say_the_kind(tmp_path: Path) -> None:
    touch(tmp_path, "Masked/ann/1.jpg", "neutral/ann/2.jpg", "sunglasses/3.jpg", "odd/4.jpg")
    sightings, rejects = open_layout("natural", root=tmp_path).sightings()
    found = {s.face.image_id: (s.kind, s.face.identity) for s in sightings}
    assert found == {
        "Masked/ann/1.jpg": ("masked", "ann"),
        "neutral/ann/2.jpg": ("neutral", "ann"),
        "odd/4.jpg": ("occluded", "odd"),
        "sunglasses/3.jpg": ("sunglasses", "sunglasses/3"),
    }
    assert len({s.face.split for s in sightings if s.face.identity == "ann"}) == 1
    assert rejects == []
    assert {s.kind for s in open_layout("natural", root=tmp_path / "Masked").sightings()[0]} == {"masked"}


def test_rof(fakes: ModuleType, tmp_path: Path) -> None:
    root = fakes.rof(tmp_path, fakes.picture(0))
    touch(root, "images/stray.jpg", "ROF/masked/ann_lee_wearing_mask.pkl")
    sightings, rejects = open_layout("rof", root=root).sightings()
    assert {(s.face.identity, s.kind) for s in sightings} == {
        (person, kind) for person in ("ann_lee", "bo_oz", "cy_wu") for kind in ("masked", "sunglasses", "neutral")
    }
    assert len({(s.face.identity, s.face.split) for s in sightings}) == 3
    assert reasons(rejects) == [("stray.jpg", "unknown-name")]


def test_links_instead_of_photographs(tmp_path: Path) -> None:
    touch(tmp_path, "links/masked/ann_lee_wearing_mask.pkl")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"download\.py"):
        open_layout("rof", root=tmp_path / "empty")
    with pytest.raises(InputError, match="No photographs"):
        open_layout("rof", root=tmp_path).sightings()


def test_meglass(fakes: ModuleType, tmp_path: Path) -> None:
    root = fakes.meglass(tmp_path, fakes.picture(0))
    (root / "meta.txt").write_text((root / "meta.txt").read_text() + "1@N01_identity_1@7_0.jpg 1\n")
    touch(root, "samples/x.jpg", "MeGlass_120x120/other.jpg")
    sightings, rejects = open_layout("meglass", root=root).sightings()
    first = sightings[0]
    assert (first.face.identity, first.kind) == ("100@N00_identity_0", "neutral")
    assert first.face.attributes == {"black_eyeglasses": 0, "test_list": "gallery_no_glass"}
    assert sightings[1].kind == "glasses"
    assert len({(s.face.identity, s.face.split) for s in sightings}) == 5
    assert reasons(rejects) == [("1@N01_identity_1@7_0.jpg", "source-missing"), ("MeGlass_120x120/other.jpg", "unknown-name")]


def test_meglass_needs_its_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"meta\.txt"):
        open_layout("meglass", root=tmp_path)


def test_a_damaged_list_is_named(fakes: ModuleType, tmp_path: Path) -> None:
    root = fakes.meglass(tmp_path, fakes.picture(0))
    (root / "meta.txt").write_text("one.jpg maybe\n")
    with pytest.raises(InputError, match=r"meta\.txt, line 1"):
        open_layout("meglass", root=root).sightings()
