"""CelebA: its layouts, its annotation files, and what people's copies do to them."""

import json
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from occbench.errors import InputError, OccbenchError
from occbench.faces import Face, celeba, files, open_source
from occbench.landmarks.checks import check
from occbench.landmarks.fit import fit_five
from occbench.manifest import read
from occbench.manifest.splits import overlaps
from occbench.pairs.labels import ATTRIBUTES
from occbench.synthesis.dataset import synthesise
from occbench.synthesis.recipe import load, resolve
from occbench.synthesis.selection import Selection

ALL = [f"{number:06d}" for number in range(1, 25)]


def faces(root: Path) -> list[Face]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return list(open_source("celeba", root).faces())


def complaint(root: Path) -> str:
    with pytest.raises(OccbenchError) as caught:
        list(open_source("celeba", root).faces())
    assert isinstance(caught.value, InputError)
    return str(caught.value)


def change(path: Path, edit: Callable[[list[str]], list[str]]) -> None:
    path.write_text("\n".join(edit(path.read_text().splitlines())) + "\n")


@pytest.fixture
def root(fake_celeba: ModuleType, tmp_path: Path) -> Path:
    fake_celeba.build(tmp_path / "official")
    return tmp_path / "official"


def test_what_the_official_files_say(fake_celeba: ModuleType, root: Path) -> None:
    found = faces(root)
    assert [face.image_id for face in found] == ALL
    for number, face in enumerate(found, 1):
        assert face.path == root / "Img" / "img_align_celeba" / f"{number:06d}.jpg"
        assert face.identity == str(fake_celeba.PEOPLE[number])
        assert face.split == ("train", "val", "test")[fake_celeba.SPLITS[number]]
        assert face.points is not None
        assert [value for point in face.points for value in point] == fake_celeba.points(number)
        assert face.attributes == dict(zip(fake_celeba.ATTRIBUTES, fake_celeba.attributes(number), strict=True))
        assert (face.box, face.warnings) == (None, ())
    assert not overlaps((face.identity, face.split) for face in found)


def test_attributes_are_json_and_hold_those_that_labels_use(root: Path) -> None:
    (face, *_) = faces(root)
    attributes = json.loads(json.dumps(face.attributes))
    assert {attributes[name] for name in ATTRIBUTES} <= {-1, 1}


def test_the_points_make_a_face(fake_celeba: ModuleType, root: Path) -> None:
    for face in faces(root):
        check(fit_five(np.array(face.points)), 178, 218)


def test_torchvision_has_the_same(fake_celeba: ModuleType, root: Path, tmp_path: Path) -> None:
    fake_celeba.flat(tmp_path / "data")
    flat = faces(tmp_path / "data")
    assert [(f.image_id, f.identity, f.split, f.points, f.attributes) for f in flat] == [
        (f.image_id, f.identity, f.split, f.points, f.attributes) for f in faces(root)
    ]


@pytest.mark.parametrize("below", ["", "img_align_celeba", "img_align_celeba/img_align_celeba"])
def test_kaggle_has_the_same_but_identities(below: str, fake_celeba: ModuleType, root: Path, tmp_path: Path) -> None:
    fake_celeba.kaggle(tmp_path / "kaggle")
    found = faces(tmp_path / "kaggle" / below)
    assert [(f.image_id, f.split, f.points, f.attributes) for f in found] == [
        (f.image_id, f.split, f.points, f.attributes) for f in faces(root)
    ]
    assert all(face.identity == face.image_id and face.warnings == ("identity-from-filename",) for face in found)


@pytest.mark.parametrize("below", ["Img", "Img/img_align_celeba"])
def test_the_root_may_be_any_folder_above_the_photographs(below: str, root: Path) -> None:
    assert faces(root / below) == faces(root)


def test_png(fake_celeba: ModuleType, tmp_path: Path) -> None:
    fake_celeba.build(tmp_path, "img_align_celeba_png", "png")
    source = open_source("celeba", tmp_path)
    assert [face.image_id for face in source.faces()] == ALL
    assert all(source.locate(face.image_id) == face.path and face.path.suffix == ".png" for face in source.faces())


def test_aligned_jpegs_come_first_where_there_are_several(fake_celeba: ModuleType, root: Path) -> None:
    fake_celeba.photographs(root / "Img" / "img_align_celeba_png" / "img_align_celeba_png", "png")
    fake_celeba.photographs(root / "Img" / "img_celeba")
    assert {face.path.parent.name for face in faces(root)} == {"img_align_celeba"}
    assert {face.path.suffix for face in faces(root / "Img" / "img_align_celeba_png")} == {".png"}


def test_in_the_wild(fake_celeba: ModuleType, tmp_path: Path) -> None:
    fake_celeba.build(tmp_path, "img_celeba")
    source = open_source("celeba", tmp_path)
    (face, *_) = faces(tmp_path)
    assert (face.image_id, face.identity) == ("img_celeba/000001", str(fake_celeba.PEOPLE[1]))
    assert face.points is not None
    assert list(face.points[0]) == [100 + 3 * value for value in fake_celeba.points(1)[:2]]
    assert list(face.box or ()) == [95, 71, 321, 384]
    assert (source.centred, source.mean_box) == (False, None)
    assert source.locate("img_celeba/000001") == face.path


def test_aligned_photographs_never_get_the_boxes_of_those_in_the_wild(root: Path) -> None:
    assert not any(face.box for face in faces(root))


@pytest.mark.parametrize("image_id", ["1", "000001.jpg", "../000001", "img_align_celeba/000001", "000001\n", "/etc/passwd", ""])
def test_locate_takes_official_numbers_only(image_id: str, root: Path) -> None:
    with pytest.raises(InputError, match="is no image id"):
        open_source("celeba", root).locate(image_id)


def test_locate_knows_aligned_from_wild(root: Path) -> None:
    with pytest.raises(InputError, match="img_celeba with --root"):
        open_source("celeba", root).locate("img_celeba/000001")
    with pytest.raises(InputError, match="000099"):
        open_source("celeba", root).locate("000099")


def test_stray_files_and_the_order_of_the_file_system_do_not_matter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = faces(root)
    images = root / "Img" / "img_align_celeba"
    for stray in (
        images / "Thumbs.db",
        images / "._000001.jpg",
        images / "0001.jpg",
        images / "000001.txt",
        root / "Img" / "x.jpg",
    ):
        stray.write_text("stray")
    monkeypatch.setattr(celeba, "children", lambda folder: files.children(folder)[::-1])
    assert faces(root) == before


# What is missing


def test_a_part_of_the_photographs(root: Path) -> None:
    whole = {face.image_id: face for face in faces(root)}
    for number in range(1, 25, 2):
        (root / "Img" / "img_align_celeba" / f"{number:06d}.jpg").unlink()
    assert {face.image_id: face for face in faces(root)}.items() <= whole.items()


def test_without_a_partition_it_says_where_it_looked(root: Path) -> None:
    (root / "Eval" / "list_eval_partition.txt").unlink()
    message = complaint(root)
    assert "list_eval_partition.txt" in message
    assert str(root / "Img" / "img_align_celeba") in message


def test_without_identities_each_photograph_is_a_person(root: Path) -> None:
    (root / "Anno" / "identity_CelebA.txt").unlink()
    assert all(face.identity == face.image_id and face.warnings == ("identity-from-filename",) for face in faces(root))


def test_without_attributes_and_landmarks(root: Path) -> None:
    assert open_source("celeba", root).supplies
    for name in ("list_attr_celeba.txt", "list_landmarks_align_celeba.txt"):
        (root / "Anno" / name).unlink()
    assert not open_source("celeba", root).supplies
    assert all(face.points is None and face.attributes is None for face in faces(root))


@pytest.mark.parametrize("name", ["list_attr_celeba.txt", "list_landmarks_align_celeba.txt"])
def test_rows_that_are_missing_are_counted_once(name: str, root: Path) -> None:
    change(root / "Anno" / name, lambda lines: [line for line in lines if not line.startswith(("000007", "000011"))])
    source = open_source("celeba", root)
    with pytest.warns(UserWarning, match=r"\(announces 24 rows, has 22\) lacks 2 of these 24 photographs, 000007 the first"):
        found = {face.image_id: face for face in source.faces()}
    with warnings.catch_warnings(action="error"):
        list(source.faces())
    lacking = found["000007"].points if "landmarks" in name else found["000007"].attributes
    assert lacking is None
    assert found["000008"].points
    assert found["000008"].attributes


@pytest.mark.parametrize("name", ["Eval/list_eval_partition.txt", "Anno/identity_CelebA.txt"])
def test_split_and_person_must_be_known(name: str, root: Path) -> None:
    change(root / name, lambda lines: lines[:-3])
    message = complaint(root)
    assert "lacks 3 of these 24 photographs, 000022 the first" in message
    assert str(root / name) in message


@pytest.mark.parametrize("count", ["7", "202599", ""])
def test_a_wrong_count_alone_does_no_harm(count: str, root: Path) -> None:
    before = faces(root)
    change(root / "Anno" / "list_landmarks_align_celeba.txt", lambda lines: ([count] if count else []) + lines[1:])
    assert faces(root) == before


# What is wrong


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("Eval/list_eval_partition.txt", lambda rows: ["000001.jpg 3", *rows[1:]], "has a partition 3"),
        ("Eval/list_eval_partition.txt", lambda rows: [*rows, rows[4]], "line 25: a second row of 000005.jpg"),
        ("Eval/list_eval_partition.txt", lambda rows: [*rows[:9], "000010.j", *rows[10:]], "line 10: '000010.j' is no photograph"),
        ("Eval/list_eval_partition.txt", lambda rows: ["<html>not found</html>"], "has no rows"),
        ("Anno/identity_CelebA.txt", lambda rows: ["000001.jpg somebody", *rows[1:]], "line 1: not 1 numbers"),
        ("Anno/identity_CelebA.txt", lambda rows: [*rows[:23], "000024.jpg 1001"], "'1001' in more than one split"),
        ("Anno/list_attr_celeba.txt", lambda rows: [rows[0], *rows[2:]], "no line with a name for each attribute"),
        ("Anno/list_attr_celeba.txt", lambda rows: [*rows[:5], rows[5][:-9], *rows[6:]], "line 6: not 40 numbers"),
        ("Anno/list_attr_celeba.txt", lambda rows: [*rows[:5], rows[5].replace("-1", "999"), *rows[6:]], "line 6: not 40 numbers"),
        (
            "Anno/list_landmarks_align_celeba.txt",
            lambda rows: [rows[0], rows[1].replace("left", "x", 1), *rows[2:]],
            "is it that file",
        ),
        ("Anno/list_landmarks_align_celeba.txt", lambda rows: [*rows[:2], "000001.jpg" + " nan" * 10, *rows[3:]], "not finite"),
        ("Anno/list_landmarks_align_celeba.txt", lambda rows: [*rows[:2], "000001.jpg 69", *rows[3:]], "line 3: not 10 numbers"),
    ],
)
def test_files_that_are_not_what_they_should_be(
    name: str, edit: Callable[[list[str]], list[str]], message: str, root: Path
) -> None:
    change(root / name, edit)
    found = complaint(root)
    assert message in found
    assert str(root / name) in found


def test_boxes_in_place_of_landmarks(root: Path) -> None:
    (root / "Anno" / "list_bbox_celeba.txt").replace(root / "Anno" / "list_landmarks_align_celeba.txt")
    assert "x_1 y_1 width height, and not lefteye_x" in complaint(root)


def test_bytes_that_are_no_text(root: Path) -> None:
    (root / "Eval" / "list_eval_partition.txt").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read as text" in complaint(root)


def test_no_celeba_there(tmp_path: Path) -> None:
    (tmp_path / "img_align_celeba").mkdir()
    assert "looked for 000001.jpg" in complaint(tmp_path)


def test_two_copies(fake_celeba: ModuleType, root: Path) -> None:
    fake_celeba.photographs(root / "img_align_celeba")
    assert str(root / "img_align_celeba") in complaint(root)


# From photographs to pairs


def test_supplied_landmarks_are_the_default_and_the_recipe_says_so(root: Path, tmp_path: Path) -> None:
    recipe = resolve({"source": "celeba", "occluders": ["black-box"], "size": 48}, "test")
    synthesise(Selection(recipe, root), tmp_path / "out", workers=1)
    assert load(str(tmp_path / "out" / "recipe.yaml"))["landmarks"] == ["supplied"]
    rows = list(read(tmp_path / "out" / "manifest.parquet"))
    assert [row.image_id for row in rows] == ALL
    assert {row.landmark_source for row in rows} == {"supplied 5 points"}
    assert all(row.attributes for row in rows)


def test_dlib_is_the_default_where_nothing_is_supplied(root: Path) -> None:
    (root / "Anno" / "list_landmarks_align_celeba.txt").unlink()
    assert Selection(resolve({"source": "celeba"}, "test"), root).recipe.landmarks == ("dlib",)
    assert Selection(resolve({"source": "celeba", "landmarks": "canonical"}, "test"), root).recipe.landmarks == ("canonical",)


@pytest.mark.real
def test_the_real_ones(shared: Path) -> None:
    found = faces(shared / "data" / "celeba")
    assert len(found) == 999
    assert Counter(face.split for face in found) == {"train": 999}
    assert found[0].identity == "2880"
    assert np.array(found[0].points).ravel().tolist() == [69, 111, 105, 116, 75, 141, 71, 151, 109, 155]
    for face in found:
        check(fit_five(np.array(face.points)), 178, 218)


@pytest.mark.real
def test_every_real_photograph_gives_its_pairs_without_a_detector(shared: Path, tmp_path: Path) -> None:
    recipe = resolve({"source": "celeba", "occluders": ["mask", "sunglasses"], "limit": 60}, "test")
    summary = synthesise(Selection(recipe, shared / "data" / "celeba"), tmp_path / "out", workers=1)
    assert (summary.pairs, summary.rejects) == ({"train": 120}, {})
    warned = Counter(code for row in read(tmp_path / "out" / "manifest.parquet") for code in row.warnings)
    assert warned["fitted-from-5-points"] == 120
