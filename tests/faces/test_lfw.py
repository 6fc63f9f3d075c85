"""LFW: its layouts, its official lists, and what people's copies do to them."""

from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from occbench.errors import InputError, OccbenchError, UsageError
from occbench.faces import Face, open_source
from occbench.manifest.splits import overlaps


def faces(root: Path) -> list[Face]:
    return list(open_source("lfw", root).faces())


def test_every_photograph_once_sorted_with_its_person(fake_lfw: ModuleType, tmp_path: Path) -> None:
    images = fake_lfw.build(tmp_path)
    found = faces(tmp_path)
    assert [face.image_id for face in found] == sorted(str(p.relative_to(images))[:-4] for p in images.rglob("*.jpg"))
    assert all(face.identity == face.path.parent.name and face.source == "lfw" for face in found)
    assert all(face.path.read_bytes().startswith(b"\xff\xd8") for face in found)


def test_splits_are_the_official_ones_with_validation_cut_from_train(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    people = {split: {face.identity for face in faces(tmp_path) if face.split == split} for split in ("train", "val", "test")}
    assert people["test"] == set(fake_lfw.TEST)
    assert people["train"] | people["val"] == set(fake_lfw.TRAIN)
    assert people["val"]
    assert not people["train"] & people["val"]


def test_a_part_of_lfw_is_split_as_the_whole(fake_lfw: ModuleType, tmp_path: Path) -> None:
    images = fake_lfw.build(tmp_path)
    whole = {face.identity: face.split for face in faces(tmp_path)}
    for folder in sorted(images.iterdir())[::2]:
        for file in folder.iterdir():
            file.unlink()
    assert {face.identity: face.split for face in faces(tmp_path)}.items() <= whole.items()


@pytest.mark.parametrize("variant", ["lfw", "lfw_funneled", "lfw-deepfunneled"])
def test_image_folder_and_its_parent_are_the_same(variant: str, fake_lfw: ModuleType, tmp_path: Path) -> None:
    images = fake_lfw.build(tmp_path, variant)
    assert faces(images) == faces(tmp_path)


@pytest.mark.parametrize("below", [0, 1, 2])
def test_nested_copy_of_kaggle(below: int, fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.photographs(tmp_path / "lfw-deepfunneled" / "lfw-deepfunneled")
    fake_lfw.kaggle_lists(tmp_path)
    found = faces(tmp_path.joinpath(*["lfw-deepfunneled"] * below))
    assert Counter(face.split for face in found)["test"] == sum(fake_lfw.TEST.values())


def test_lists_inside_the_image_folder(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.photographs(tmp_path / "pictures")
    fake_lfw.lists(tmp_path / "pictures")
    assert len(faces(tmp_path / "pictures")) == sum(fake_lfw.TRAIN.values()) + sum(fake_lfw.TEST.values())


def test_stray_files_are_ignored(fake_lfw: ModuleType, tmp_path: Path) -> None:
    images = fake_lfw.build(tmp_path, "lfw_funneled")
    before = faces(tmp_path)
    person = images / "Train_01"
    for stray in (images / "pairs_01.txt", images / ".DS_Store", person / "Thumbs.db", person / "._Train_01_0001.jpg"):
        stray.write_text("stray")
    for stray in (
        person / "Train_01_1.jpg",
        person / "Train_02_0001.jpg",
        person / "Train_01_0001.png",
        images / "Train_01_0001.jpg",
    ):
        stray.write_text("stray")
    (images / "__MACOSX").mkdir()
    (images / "empty").mkdir()
    (images / "circle").symlink_to(images / "circle")
    assert faces(tmp_path) == before


def test_order_does_not_depend_on_the_file_system(fake_lfw: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from occbench.faces import files, lfw

    fake_lfw.build(tmp_path)
    before = faces(tmp_path)
    monkeypatch.setattr(lfw, "children", lambda folder: files.children(folder)[::-1])
    assert faces(tmp_path) == before


def test_dark_glasses_are_a_warning(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    warned = {face.image_id: face.warnings for face in faces(tmp_path) if face.warnings}
    assert warned == dict.fromkeys(fake_lfw.DARK, ("wears-sunglasses",))


def test_without_the_list_of_dark_glasses(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    (tmp_path / "sunglasses_natural.txt").unlink()
    assert not any(face.warnings for face in faces(tmp_path))


@pytest.mark.parametrize(("variant", "aligned"), [("lfw", False), ("lfw_funneled", True), ("lfw-deepfunneled", True)])
def test_mean_box_only_where_faces_are_aligned(variant: str, aligned: bool, fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path, variant)
    source = open_source("lfw", tmp_path)
    assert source.centred
    assert (source.mean_box is not None) is aligned


def complaint(root: Path | None) -> str:
    with pytest.raises(OccbenchError) as caught:
        list(open_source("lfw", root).faces())
    assert isinstance(caught.value, InputError | UsageError)
    return str(caught.value)


def test_no_root() -> None:
    assert "--root" in complaint(None)


def test_root_is_not_there(tmp_path: Path) -> None:
    assert str(tmp_path / "none") in complaint(tmp_path / "none")


def test_root_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "lfw.tgz").touch()
    assert "no folder" in complaint(tmp_path / "lfw.tgz")


def test_no_lfw_there(tmp_path: Path) -> None:
    (tmp_path / "somebody").mkdir()
    message = complaint(tmp_path)
    assert str(tmp_path) in message
    assert "NAME/NAME_0001.jpg" in message


def test_two_copies(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path, "lfw")
    fake_lfw.photographs(tmp_path / "lfw_funneled")
    message = complaint(tmp_path)
    assert str(tmp_path / "lfw") in message
    assert str(tmp_path / "lfw_funneled") in message


@pytest.mark.parametrize("name", ["peopleDevTrain.txt", "peopleDevTest.txt"])
def test_a_missing_list_says_where_it_was_looked_for(name: str, fake_lfw: ModuleType, tmp_path: Path) -> None:
    images = fake_lfw.build(tmp_path)
    (tmp_path / name).unlink()
    message = complaint(tmp_path)
    assert name in message
    assert f"{images}, {tmp_path}, {tmp_path.parent}" in message


def test_a_list_that_is_cut_off(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    path = tmp_path / "peopleDevTrain.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    assert "20 announced, 17 found" in complaint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"<html>Not found</html>\n"])
def test_a_list_that_is_something_else(content: bytes, fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    (tmp_path / "peopleDevTest.txt").write_bytes(content)
    assert str(tmp_path / "peopleDevTest.txt") in complaint(tmp_path)


def test_somebody_in_both_lists(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    (tmp_path / "peopleDevTest.txt").write_text("1\nTrain_03\t1\n")
    assert "Train_03" in complaint(tmp_path)


def test_somebody_in_no_list(fake_lfw: ModuleType, tmp_path: Path) -> None:
    images = fake_lfw.build(tmp_path)
    (images / "Me").mkdir()
    (images / "Me" / "Me_0001.jpg").touch()
    message = complaint(tmp_path)
    assert "'Me'" in message
    assert "--source folder" in message


def test_locate_finds_what_faces_yields(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    source = open_source("lfw", tmp_path)
    assert all(source.locate(face.image_id) == face.path for face in source.faces())


@pytest.mark.parametrize(
    "image_id",
    [
        "Train_01/Train_01_0001.jpg",
        "Train_01/Train_02_0001",
        "../lfw-deepfunneled/Train_01/Train_01_0001",
        "../.._0001",
        "/etc/passwd",
        "Train_01/Train_01_0001\n",
        "Train_01/Train_01_0001\0",
        "",
    ],
)
def test_locate_takes_official_ids_only(image_id: str, fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    with pytest.raises(InputError, match=r"is no image id|is no path"):
        open_source("lfw", tmp_path).locate(image_id)


def test_locate_says_what_is_missing(fake_lfw: ModuleType, tmp_path: Path) -> None:
    fake_lfw.build(tmp_path)
    with pytest.raises(InputError, match="Train_01_0009"):
        open_source("lfw", tmp_path).locate("Train_01/Train_01_0009")


@pytest.mark.real
def test_the_real_one(shared: Path) -> None:
    found = faces(shared / "data" / "lfw")
    assert len(found) == 13_233
    assert len({face.image_id for face in found}) == 13_233
    assert len({face.identity for face in found}) == 5_749
    assert not overlaps((face.identity, face.split) for face in found)
    assert Counter(face.split for face in found) == {"train": 8_659, "val": 866, "test": 3_708}
    assert Counter(code for face in found for code in face.warnings) == {"wears-sunglasses": 105}
