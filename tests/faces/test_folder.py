"""Any tree of photographs: whose they are, which split, and every oddity that file systems allow."""

import os
import random
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.errors import InputError, OccbenchError, UsageError
from occbench.faces import Face, files, folder, open_source
from occbench.manifest.splits import overlaps


def plant(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"photograph")
    return root


def faces(root: Path, **options: Any) -> list[Face]:
    return list(open_source("folder", root, **options).faces())


def ids(found: Iterable[Face]) -> list[str]:
    return [face.image_id for face in found]


def complaint(root: Path | None, **options: Any) -> str:
    with pytest.raises(OccbenchError) as caught:
        list(open_source("folder", root, **options).faces())
    assert isinstance(caught.value, InputError | UsageError)
    return str(caught.value)


# Who


def test_identity_is_the_parent_folder(tmp_path: Path) -> None:
    plant(tmp_path, "ann/1.jpg", "ann/2.png", "team/bob/1.JPG")
    assert {face.image_id: (face.identity, face.warnings) for face in faces(tmp_path)} == {
        "ann/1.jpg": ("ann", ()),
        "ann/2.png": ("ann", ()),
        "team/bob/1.JPG": ("bob", ()),
    }


def test_identity_in_a_flat_folder_is_the_file_with_a_warning(tmp_path: Path) -> None:
    plant(tmp_path, "ann.lee.jpg")
    (face,) = faces(tmp_path)
    assert face.identity == "ann.lee"
    assert face.warnings == ("identity-from-filename",)


def test_splits_are_disjoint_about_80_10_10_and_do_not_move(tmp_path: Path) -> None:
    plant(tmp_path, *(f"person{n}/{k}.jpg" for n in range(300) for k in range(2)))
    found = faces(tmp_path)
    assert not overlaps((face.identity, face.split) for face in found)
    sizes = Counter(face.split for face in found)
    assert 440 <= sizes["train"] <= 520
    assert min(sizes["val"], sizes["test"]) >= 30
    plant(tmp_path, "newcomer/1.jpg")
    assert {face.identity: face.split for face in found}.items() <= {face.identity: face.split for face in faces(tmp_path)}.items()


def test_three_people_fill_three_splits(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg", "b/1.jpg", "c/1.jpg")
    assert {face.split for face in faces(tmp_path)} == {"train", "val", "test"}


# What counts


def test_stray_files_are_ignored(tmp_path: Path) -> None:
    plant(
        tmp_path,
        "a/1.jpg",
        "a/.DS_Store",
        "a/Thumbs.db",
        "a/._1.jpg",
        "a/notes.txt",
        "list.csv",
        ".cache/x.jpg",
        "__MACOSX/a/1.jpg",
    )
    assert ids(faces(tmp_path)) == ["a/1.jpg"]


def test_photographs_that_cannot_be_decoded_are_not_lost(tmp_path: Path) -> None:
    """Reading them will give rejects with a reason."""
    plant(tmp_path, "a/phone.HEIC")
    os.mkfifo(tmp_path / "a" / "pipe.jpg")
    (tmp_path / "a" / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "a" / "dangling.jpg").symlink_to("nowhere.jpg")
    assert ids(faces(tmp_path)) == ["a/dangling.jpg", "a/loop.jpg", "a/phone.HEIC", "a/pipe.jpg"]


def test_twenty_levels(tmp_path: Path) -> None:
    deep = "/".join(f"level{n}" for n in range(20)) + "/photo.jpg"
    plant(tmp_path, deep)
    (face,) = faces(tmp_path)
    assert (face.image_id, face.identity) == (deep, "level19")


def test_strange_names(tmp_path: Path) -> None:
    names = ["a b/new\nline.jpg", 'a b/quote".jpg', "a b/comma,.jpg", "a b/100%.jpg", "日本/写真.jpg", "x/a..jpg.jpg", "x/\x7f.jpg"]
    plant(tmp_path, *names, "x/.hidden.jpg")
    source = open_source("folder", tmp_path)
    assert ids(source.faces()) == sorted(names)
    assert all(source.locate(name) == tmp_path / name for name in names)


def test_sorted_by_code_points_whatever_the_file_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a-b/1.jpg", "a/1.jpg", "a.jpg", "B/1.jpg", "é/1.jpg", "a/10.jpg", "a/2.jpg")
    plant(tmp_path.parent / "elsewhere", "1.jpg")
    (tmp_path / "z").symlink_to(tmp_path.parent / "elsewhere")
    (tmp_path / "y").symlink_to(tmp_path.parent / "elsewhere")
    before = faces(tmp_path)
    assert ids(before) == sorted(ids(before))
    shuffler = random.Random(5)

    def shuffled(path: str) -> list[os.DirEntry[str]]:
        entries = files.children(path)
        shuffler.shuffle(entries)
        return entries

    monkeypatch.setattr(folder, "children", shuffled)
    assert all(faces(tmp_path) == before for _ in range(10))


# Links


def test_links_in_circles_end(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "b" / "other").symlink_to(tmp_path / "a")
    (tmp_path / "nowhere").symlink_to(tmp_path / "nowhere")
    assert ids(faces(tmp_path)) == ["a/1.jpg", "b/1.jpg"]


def test_links_out_of_the_tree_are_followed_once(tmp_path: Path) -> None:
    elsewhere = plant(tmp_path / "elsewhere", "1.jpg", "deeper/2.jpg")
    root = plant(tmp_path / "root", "a/1.jpg")
    (root / "b").symlink_to(elsewhere)
    (root / "c").symlink_to(elsewhere)
    (root / "a" / "3.jpg").symlink_to(elsewhere / "deeper" / "2.jpg")
    assert ids(faces(root)) == ["a/1.jpg", "a/3.jpg", "b/1.jpg", "b/deeper/2.jpg"]


def test_a_link_to_a_photograph_in_the_tree_is_no_second_photograph(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "b" / "1.jpg").symlink_to(tmp_path / "a" / "1.jpg")
    assert ids(faces(tmp_path)) == ["a/1.jpg", "b/2.jpg"]


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    plant(tmp_path / "real", "a/1.jpg")
    (tmp_path / "root").symlink_to("real")
    source = open_source("folder", tmp_path / "root")
    assert source.locate("a/1.jpg").read_bytes() == b"photograph"
    assert ids(source.faces()) == ["a/1.jpg"]


# Names that are not what they seem


def test_image_ids_are_in_nfc_and_lead_back(tmp_path: Path) -> None:
    plant(tmp_path, unicodedata.normalize("NFD", "Zoë/été.jpg"))
    source = open_source("folder", tmp_path)
    (face,) = source.faces()
    assert (face.image_id, face.identity) == ("Zoë/été.jpg", "Zoë")
    assert source.locate("Zoë/été.jpg") == face.path


def test_names_that_differ_only_in_normalisation_are_refused(tmp_path: Path) -> None:
    plant(tmp_path, "a/é.jpg", unicodedata.normalize("NFD", "a/é.jpg"))
    if len(os.listdir(tmp_path / "a")) < 2:  # noqa: PTH208
        pytest.skip("this file system normalises names")
    message = complaint(tmp_path)
    assert "Unicode" in message
    assert "\\xe9" in message


def test_names_that_differ_only_in_case_are_two(tmp_path: Path) -> None:
    plant(tmp_path, "a/X.jpg", "a/x.jpg")
    if len(os.listdir(tmp_path / "a")) < 2:  # noqa: PTH208
        pytest.skip("this file system ignores case")
    assert ids(faces(tmp_path)) == ["a/X.jpg", "a/x.jpg"]


def test_names_that_are_not_utf8_are_escaped_and_lead_back(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    try:
        with open(raw, "wb") as file:  # noqa: PTH123
            file.write(b"photograph")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    source = open_source("folder", tmp_path)
    (face,) = source.faces()
    assert (face.image_id, face.identity) == ("caf%E9.jpg", "caf%E9")
    assert os.fsencode(source.locate(face.image_id)) == raw
    assert face.path.read_bytes() == b"photograph"


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_every_name_gives_an_id_that_can_be_stored(name: str) -> None:
    decoded = os.fsdecode(name.encode("utf-8", "surrogatepass"))
    stored = files.id_of(decoded)
    assert stored.encode("utf-8") if name else stored == ""
    assert files.id_of(stored) == stored


# The way back


@pytest.mark.parametrize(
    "image_id", ["../outside.jpg", "a/../../outside.jpg", "/etc/passwd", "a//1.jpg", "./a/1.jpg", "a/", "", ".", "..", "a/1.jpg\0"]
)
def test_locate_stays_inside(image_id: str, tmp_path: Path) -> None:
    plant(tmp_path, "outside.jpg", "root/a/1.jpg")
    with pytest.raises(InputError, match="is no path below the root"):
        open_source("folder", tmp_path / "root").locate(image_id)


@pytest.mark.parametrize("image_id", ["link.jpg", "out/secret.jpg"])
def test_locate_follows_no_link_out_of_the_root(image_id: str, tmp_path: Path) -> None:
    plant(tmp_path, "elsewhere/secret.jpg", "root/a/1.jpg")
    (tmp_path / "root" / "link.jpg").symlink_to(tmp_path / "elsewhere" / "secret.jpg")
    (tmp_path / "root" / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out of"):
        open_source("folder", tmp_path / "root").locate(image_id)


def test_locate_of_a_link_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").symlink_to("x.jpg")
    with pytest.raises(InputError, match="cannot be followed"):
        open_source("folder", tmp_path).locate("x.jpg")


@pytest.mark.parametrize("image_id", ["a/2.jpg", "b/1.jpg", "a/1.jpg/x", "x" * 5000])
def test_locate_says_what_is_missing(image_id: str, tmp_path: Path) -> None:
    plant(tmp_path, "a/1.jpg")
    with pytest.raises(InputError, match="No photograph"):
        open_source("folder", tmp_path).locate(image_id)


# A CSV


def table(path: Path, *lines: str, header: str = "path,identity,split") -> dict[str, Path]:
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return {"identities": path}


def test_csv_says_who_and_which_split(tmp_path: Path) -> None:
    plant(tmp_path, "x/1.jpg", "x/2.jpg", "y/3.jpg", "unlisted.jpg")
    found = faces(tmp_path, **table(tmp_path / "who.csv", "x/1.jpg,ann,test", "./x//2.jpg,bob,val", "y/3.jpg,ann,"))
    assert [(face.image_id, face.identity, face.split) for face in found] == [
        ("x/1.jpg", "ann", "test"),
        ("x/2.jpg", "bob", "val"),
        ("y/3.jpg", "ann", "test"),
    ]


def test_csv_without_splits_is_split_by_identity(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{n}.jpg" for n in range(9)))
    found = faces(tmp_path, **table(tmp_path / "who.csv", *(f"{n}.jpg,person {n // 3}" for n in range(9)), header="image,identity"))
    assert {face.split for face in found} == {"train", "val", "test"}
    assert not overlaps((face.identity, face.split) for face in found)
    assert not any(face.warnings for face in found)


def test_csv_as_spreadsheets_write_it(tmp_path: Path) -> None:
    plant(tmp_path, "Zoë 1.jpg")
    (tmp_path / "who.csv").write_bytes('\ufeffPath , Identity\r\n"Zoë 1.jpg" , Zoë\r\n'.encode())
    (face,) = faces(tmp_path, identities=tmp_path / "who.csv")
    assert face.identity == "Zoë"


@pytest.mark.parametrize(
    ("lines", "header", "said"),
    [
        (["a.jpg,ann"], "file,person", "needs the columns path"),
        ([], "path,identity", "lists no photographs"),
        (["a.jpg,"], "path,identity", "line 2: path or identity is empty"),
        ([",ann"], "path,identity", "line 2: path or identity is empty"),
        (["a.jpg"], "path,identity", "line 2: path or identity is empty"),
        (["a.jpg,ann,training"], "path,identity,split", "no split 'training', only train, val, test"),
        (["a.jpg,ann", "a.jpg,bob"], "path,identity", "line 3: 'a.jpg' is listed before"),
        (["a.jpg,ann", "c.jpg,bob", "../d.jpg,eve", "/e.jpg,eve"], "path,identity", "3 photographs that are not in"),
        (["a.jpg,ann,train", "b.jpg,ann,test"], "path,identity,split", "'ann' in more than one split"),
    ],
)
def test_csv_mistakes_are_named(lines: list[str], header: str, said: str, tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg", "b.jpg")
    message = complaint(tmp_path, **table(tmp_path / "who.csv", *lines, header=header))
    assert said in message
    assert "who.csv" in message


@pytest.mark.parametrize("content", [b"\xff\xfe\x00path", b"", b"path,identity\n" + b"x" * 200_000 + b",a\n"])
def test_csv_that_is_something_else(content: bytes, tmp_path: Path) -> None:
    plant(tmp_path, "a.jpg")
    (tmp_path / "who.csv").write_bytes(content)
    assert "who.csv" in complaint(tmp_path, identities=tmp_path / "who.csv")


# Nothing to work with


def test_no_photographs(tmp_path: Path) -> None:
    plant(tmp_path, "a/notes.txt")
    message = complaint(tmp_path)
    assert str(tmp_path) in message
    assert ".jpg" in message


def test_no_root() -> None:
    assert "--root" in complaint(None)


def test_root_is_not_there(tmp_path: Path) -> None:
    assert "is not there" in complaint(tmp_path / "none")


def test_no_csv_there(tmp_path: Path) -> None:
    assert "none.csv" in complaint(tmp_path, identities=tmp_path / "none.csv")


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "a/1.jpg")
    real = os.scandir

    def refuse(path: str) -> Any:
        if path == str(tmp_path / "a"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(files.os, "scandir", refuse)  # type: ignore[attr-defined]
    assert f"{tmp_path / 'a'} cannot be listed: Permission denied" in complaint(tmp_path)


def test_an_option_that_the_source_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no --colour, only --identities and --exclude-identities"):
        open_source("folder", tmp_path, colour="red")
