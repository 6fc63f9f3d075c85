"""VGGFace2: its layouts, and files of millions of rows with all their oddities."""

import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from occbench.errors import InputError, OccbenchError
from occbench.faces import Face, files, grouped, open_source, vggface2
from occbench.faces.grouped import Grouped
from occbench.manifest.splits import overlaps


def faces(root: Path, **options: Any) -> list[Face]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(open_source("vggface2", root, **options).faces())


def said(root: Path) -> list[str]:
    """The warnings of two passes."""
    source = open_source("vggface2", root)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            list(source.faces())
    return [str(warning.message) for warning in caught]


def complaint(root: Path) -> str:
    with pytest.raises(OccbenchError) as caught:
        list(open_source("vggface2", root).faces())
    assert isinstance(caught.value, InputError)
    return str(caught.value)


def change(path: Path, edit: Callable[[str], str]) -> None:
    path.write_bytes(edit(path.read_bytes().decode()).encode())


@pytest.fixture
def root(fake_vggface2: ModuleType, tmp_path: Path) -> Path:
    return Path(fake_vggface2.build(tmp_path / "vgg"))


def test_every_photograph_once_sorted_with_its_person(fake_vggface2: ModuleType, root: Path) -> None:
    found = faces(root)
    assert [face.image_id for face in found] == sorted(
        f"{p}/{name}" for p in fake_vggface2.PEOPLE for name in fake_vggface2.names(p)
    )
    assert all(face.identity == face.path.parent.name for face in found)
    assert all(face.path.read_bytes().startswith(b"\xff\xd8") for face in found)


def test_splits_are_the_official_ones_with_validation_cut_from_train(fake_vggface2: ModuleType, root: Path) -> None:
    found = faces(root)
    people = {split: {face.identity for face in found if face.split == split} for split in ("train", "val", "test")}
    assert people["test"] == set(fake_vggface2.TEST)
    assert people["train"] | people["val"] == set(fake_vggface2.TRAIN)
    assert people["val"]
    assert not overlaps((face.identity, face.split) for face in found)


def test_landmarks_and_boxes_also_outside_the_crop(fake_vggface2: ModuleType, root: Path) -> None:
    for face in faces(root):
        person, _, name = face.image_id.partition("/")
        if person == fake_vggface2.PERSON_WITHOUT_ROWS:
            assert (face.points, face.box) == (None, None)
            continue
        assert face.points is not None
        assert [value for point in face.points for value in point] == fake_vggface2.points(person, name)
        x, y, w, h = fake_vggface2.box(person, name)
        assert face.box == (x, y, x + w, y + h)
    assert min(point[0] for face in faces(root) for point in face.points or ()) < 0


def test_who_it_is_and_how_the_head_is_turned(root: Path) -> None:
    attributes = {face.image_id: face.attributes for face in faces(root)}
    assert attributes["n000001/0001_01"] == {"name": "Person_0", "gender": "m", "pose_template": "front"}
    poses = Counter(said["pose_template"] for said in attributes.values() if said and "pose_template" in said)
    assert poses == {"front": 20, "three-quarter": 20, "profile": 20}
    assert {said["name"] for said in attributes.values() if said} >= {"O, Someone", "Person_4"}


@pytest.mark.parametrize(
    ("train", "test", "below"),
    [
        ("train", "test", ""),
        ("data/train", "data/test", ""),
        ("data/train", "data/test", "data"),
        ("data/vggface2_train", "data/vggface2_test", ""),
        ("data/vggface2_train/train", "data/vggface2_test/test", ""),
        ("VGG-Face2/data/train", "VGG-Face2/data/test", ""),
    ],
)
def test_nested_copies(train: str, test: str, below: str, fake_vggface2: ModuleType, root: Path, tmp_path: Path) -> None:
    fake_vggface2.build(tmp_path / "other", train, test)
    other = open_source("vggface2", tmp_path / "other" / below)
    with warnings.catch_warnings(action="ignore"):
        found = list(other.faces())
    assert [(f.image_id, f.split, f.points, f.attributes) for f in found] == [
        (f.image_id, f.split, f.points, f.attributes) for f in faces(root)
    ]
    assert all(other.locate(face.image_id) == face.path for face in found)


def test_one_set_alone_is_split_as_in_the_whole(root: Path) -> None:
    whole = {face.image_id: (face.split, face.points) for face in faces(root)}
    part = {face.image_id: (face.split, face.points) for face in faces(root / "train")}
    assert part.items() < whole.items()
    assert {split for split, _ in part.values()} == {"train", "val"}


@pytest.mark.parametrize("known", ["identity_meta.csv", "test_list.txt", None])
def test_one_folder_for_all(known: str | None, fake_vggface2: ModuleType, root: Path, tmp_path: Path) -> None:
    """Who is for training is then in the metadata, or in the lists."""
    images = tmp_path / "all"
    fake_vggface2.photographs(images, fake_vggface2.PEOPLE)
    if known is None:
        assert "Nothing says whether n000001 is for training or testing" in complaint(images)
        return
    fake_vggface2.identities(images) if known == "identity_meta.csv" else fake_vggface2.lists(images)
    assert {face.image_id: face.split for face in faces(images)} == {face.image_id: face.split for face in faces(root)}


def test_without_any_file_the_folders_say_it(fake_vggface2: ModuleType, root: Path, tmp_path: Path) -> None:
    fake_vggface2.photographs(tmp_path / "bare" / "train", fake_vggface2.TRAIN)
    fake_vggface2.photographs(tmp_path / "bare" / "test", fake_vggface2.TEST)
    source = open_source("vggface2", tmp_path / "bare")
    assert not source.supplies
    assert said(tmp_path / "bare") == []
    assert [(face.image_id, face.split) for face in source.faces()] == [(face.image_id, face.split) for face in faces(root)]
    assert all(face.attributes is None and face.points is None for face in source.faces())


def test_what_is_missing_is_counted_once_with_an_example(root: Path) -> None:
    (root / "train" / "n000002" / "0002_01.jpg").unlink()
    expected = {
        "bb_landmark/loose_landmark_train.csv lacks photographs that are here: 3 of them, n000004/0001_01 the first.",
        "bb_landmark/loose_bb_train.csv lacks photographs that are here: 3 of them, n000004/0001_01 the first.",
        "meta/train_list.txt lists photographs of these people that are not here: 1 of them, n000002/0002_01 the first.",
    }
    told = said(root)
    assert len(told) == 3
    assert set(told) == {f"{root}/{text}" for text in expected}


def test_stray_files_and_the_order_of_the_file_system_do_not_matter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = faces(root)
    for stray in ("train/n000002/Thumbs.db", "train/n000002/0001.jpg", "train/readme.txt", "test/n000001/._0001_01.jpg"):
        (root / stray).write_text("stray")
    (root / "train" / "n12").mkdir()
    monkeypatch.setattr(vggface2, "children", lambda folder: files.children(folder)[::-1])
    monkeypatch.setattr(vggface2, "folders_below", lambda folder: files.folders_below(folder)[::-1])
    assert faces(root) == before


@pytest.mark.parametrize("image_id", ["n000002/0001_01.jpg", "train/n000002/0001_01", "../n000002/0001_01", "n2/0001_01", "\n", ""])
def test_locate_takes_official_ids_only(image_id: str, root: Path) -> None:
    with pytest.raises(InputError, match="is no image id"):
        open_source("vggface2", root).locate(image_id)


def test_locate_says_what_is_missing(root: Path) -> None:
    with pytest.raises(InputError, match="n000002/0999_01"):
        open_source("vggface2", root).locate("n000002/0999_01")
    with pytest.raises(InputError, match="n009999"):
        open_source("vggface2", root).locate("n009999/0001_01")


# What is wrong


def test_two_files_with_each_others_names(root: Path) -> None:
    points, boxes = (root / "bb_landmark" / f"loose_{kind}_test.csv" for kind in ("landmark", "bb"))
    points.replace(root / "x.csv")
    boxes.replace(points)
    (root / "x.csv").replace(boxes)
    assert f"{points} begins with the columns NAME_ID, X, Y, W, H, and not with NAME_ID, P1X" in complaint(root)


def test_age_templates_in_place_of_pose_templates(root: Path) -> None:
    (root / "meta" / "test_agetemp_imglist.txt").replace(root / "meta" / "test_posetemp_imglist.txt")
    assert "has 20 photographs of n000001" in complaint(root)


def test_a_person_in_both_folders(root: Path) -> None:
    (root / "train" / "n000001").mkdir()
    message = complaint(root)
    assert f"{root}/train/n000001" in message
    assert f"{root}/test/n000001" in message


def test_a_folder_that_contradicts_the_metadata(root: Path) -> None:
    (root / "train" / "n000002").replace(root / "test" / "n000002")
    assert "lies in the folder for test, but the official set of this person is train" in complaint(root)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "bb_landmark/loose_landmark_train.csv",
            '"n000002/0001_01",-12.5,',
            '"n000002/0001_01",',
            "behind n000002/0001_01 should be 10",
        ),
        ("bb_landmark/loose_landmark_train.csv", '"n000002/0001_01",-12.5', '"n000002/0001_01",nan', "should be 10 numbers"),
        ("bb_landmark/loose_landmark_train.csv", '"n000002/0001_01",-12.5', '"/0001_01",-12.5', "does not begin like"),
        ("bb_landmark/loose_bb_test.csv", '"n000001/0002_01"', "0002_01", "line 3: '0002_01,"),
        ("meta/identity_meta.csv", "n000002,", "2,", "line 3: not class, name"),
        ("meta/identity_meta.csv", ",1, m", ",train, m", "not class, name"),
        ("meta/test_posetemp_imglist.txt", "n000001/0001_01.jpg", "n000001", "does not look like"),
    ],
)
def test_rows_that_are_not_what_they_should_be(name: str, old: str, new: str, message: str, root: Path) -> None:
    change(root / name, lambda text: text.replace(old, new, 1))
    found = complaint(root)
    assert message in found
    assert str(root / name) in found


def test_no_vggface2_there(tmp_path: Path) -> None:
    (tmp_path / "train" / "somebody").mkdir(parents=True)
    assert "looked for folders such as n000002" in complaint(tmp_path)


# Files read group by group


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_marks_spaces_and_quotes_do_not_matter(end: str, mark: str, tmp_path: Path) -> None:
    lines = [mark + '"NAME_ID" , x,y', ' "a/1", 1, -2.5 ', "", "b/1.jpg,3,4", "a/2,5,6"]
    (tmp_path / "t.csv").write_bytes(end.join(lines).encode())
    table = Grouped(tmp_path / "t.csv", ("NAME_ID", "X", "Y"))
    assert set(table.groups) == {"a", "b"}
    assert table.rows("a") == {"1": [1, -2.5], "2": [5, 6]}
    assert table.rows("b") == {"1": [3, 4]}
    assert table.rows("c") == {}


def test_rows_in_disorder_are_refused_before_they_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouped, "_MAX_RANGES", 5)
    (tmp_path / "t.txt").write_text("a/1\nb/1\n" * 3)
    with pytest.raises(InputError, match="do not lie together"):
        Grouped(tmp_path / "t.txt")
