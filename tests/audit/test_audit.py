from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from occbench.audit import audit as module
from occbench.audit.audit import Report, audit
from occbench.manifest import MANIFEST, ManifestWriter

Image = npt.NDArray[np.uint8]
Scene = Callable[[int], Image]
MakeSet = Callable[..., Path]


def only(report: Report) -> tuple[str, str]:
    """The one kind of finding, of which there is one."""
    assert report.counts.total() == len(report.findings) == 1, report.findings
    return report.findings[0][:2]


def darker(image: Image) -> Image:
    return (image * 0.8).astype(np.uint8)


def test_nothing_to_find(make_set: MakeSet) -> None:
    report = audit([make_set("one", {}, {"split": "test"}), make_set("two", {})], workers=1)
    assert (report.photographs, report.people, report.unseen, report.leaks) == (3, 3, 0, 0)
    assert report.findings == []


def test_one_person_may_have_many_photographs_in_one_split(make_set: MakeSet) -> None:
    assert audit([make_set("one", *[{"identity": "a"}] * 3)], workers=1).findings == []


def test_a_person_in_two_splits(make_set: MakeSet) -> None:
    report = audit([make_set("one", {"identity": "a"}, {}, {"identity": "a", "split": "test"})], workers=1)
    assert only(report) == ("identity", "splits")
    assert report.leaks == 1
    assert [p["image_id"] for p in report.findings[0].photographs] == ["one-0.jpg", "one-2.jpg"]


def test_a_person_in_two_splits_of_two_data_sets(make_set: MakeSet) -> None:
    report = audit([make_set("one", {"identity": "a"}), make_set("two", {"identity": "a", "split": "test"})], workers=1)
    assert only(report) == ("identity", "splits")


def test_the_same_data_in_the_same_splits_is_no_finding(make_set: MakeSet) -> None:
    row = {"identity": "a", "image_id": "a.jpg", "image": 1}
    assert audit([make_set("one", row), make_set("two", row)], workers=1).findings == []


def test_equal_names_in_two_folders_of_anybodys_are_a_hint_only(make_set: MakeSet) -> None:
    one, two = (make_set(name, {"source": "folder", "identity": "ann", "split": name}) for name in ("train", "test"))
    report = audit([one, two], workers=1)
    assert only(report) == ("name", "splits")
    assert report.leaks == 0


@pytest.mark.parametrize(
    ("change", "relation"),
    [({"split": "test"}, "splits"), ({}, "identities"), ({"identity": "one-0"}, "other"), ({"source": "celeba"}, "other")],
    ids=["splits", "identities", "twice", "sources"],
)
def test_the_same_photograph_again(make_set: MakeSet, change: dict[str, str], relation: str) -> None:
    assert only(audit([make_set("one", {"image": 1}, {"image": 1, **change})], workers=1)) == ("file", relation)


def test_the_same_pixels_from_another_file(make_set: MakeSet) -> None:
    rows = [{"image": 1, "source_sha256": "a" * 64}, {"image": 1, "source_sha256": "b" * 64, "split": "test"}]
    assert only(audit([make_set("one", *rows)], workers=1)) == ("pixels", "splits")


@pytest.mark.parametrize(
    ("change", "relation"),
    [({"split": "test"}, "splits"), ({}, "identities"), ({"identity": "one-0"}, "other")],
    ids=["splits", "identities", "twice"],
)
def test_a_near_duplicate(make_set: MakeSet, scene: Scene, change: dict[str, str], relation: str) -> None:
    report = audit([make_set("one", {"image": 1}, {}, {"image": darker(scene(1)), **change})], workers=1)
    assert only(report) == ("near", relation)
    assert report.findings[0].similarity == pytest.approx(1, abs=0.01)


def test_one_photograph_cropped_by_two_detectors_is_no_finding(make_set: MakeSet, scene: Scene) -> None:
    row = {"identity": "a", "image_id": "a.jpg", "source_sha256": "a" * 64}
    one, two = make_set("one", {**row, "image": 1}), make_set("two", {**row, "image": darker(scene(1))})
    assert audit([one, two], workers=1).findings == []


def test_namesakes_by_folder_and_by_attribute(make_set: MakeSet) -> None:
    lfw = make_set("lfw", {"identity": "George_W_Bush"}, {"identity": "Someone_Else"})
    vggface2 = make_set("vgg", {"source": "vggface2", "identity": "n003", "attributes": {"name": "George_W._Bush"}})
    report = audit([lfw, vggface2], workers=1)
    assert only(report) == ("name", "other")
    assert [p["identity"] for p in report.findings[0].photographs] == ["George_W_Bush", "n003"]


def test_natural_sets_are_looked_at_too(make_set: MakeSet, make_natural: MakeSet) -> None:
    report = audit([make_set("one", {"image": 5}), make_natural("rof", 5, "test")], workers=1)
    assert only(report) == ("file", "splits")


def test_missing_images_are_counted(make_set: MakeSet) -> None:
    folder = make_set("one", {"image": 1}, {"image": 1, "split": "test"}, {})
    (folder / "clean/2.png").unlink()
    report = audit([folder], workers=1)
    assert (report.unseen, report.leaks) == (1, 1)


def test_an_image_that_is_missing_in_one_set_is_looked_at_in_another(make_set: MakeSet, scene: Scene) -> None:
    row = {"identity": "a", "image_id": "a.jpg", "image": 1}
    bare, whole = make_set("bare", row, {}), make_set("whole", {}, row)
    (bare / "clean/0.png").unlink()
    other = make_set("other", {"image": darker(scene(1)), "split": "test"})
    report = audit([bare, whole, other], workers=1)
    assert only(report) == ("near", "splits")
    assert report.unseen == 0


def test_findings_are_bounded_and_counted(make_set: MakeSet) -> None:
    rows = [{"identity": f"p{n // 2}", "split": ("train", "test")[n % 2]} for n in range(20)]
    report = audit([make_set("one", *rows)], workers=1, keep=3)
    assert (report.counts["identity", "splits"], len(report.findings)) == (10, 3)


def test_every_split_of_a_large_group_is_shown(make_set: MakeSet) -> None:
    rows = [{"identity": "a", "split": "test" if n == 19 else "train"} for n in range(20)]
    (finding,) = audit([make_set("one", *rows)], workers=1).findings
    assert (finding.size, len(finding.photographs)) == (20, 8)
    assert {p["split"] for p in finding.photographs} == {"train", "test"}


def test_leaks_come_first(make_set: MakeSet) -> None:
    rows = [{"image": 1}, {"image": 1, "identity": "one-0"}, {"identity": "b"}, {"identity": "b", "split": "test"}]
    report = audit([make_set("one", *rows)], workers=1)
    assert [finding.relation for finding in report.findings] == ["splits", "other"]


def test_any_number_of_workers_says_the_same(make_set: MakeSet, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TASK", 2)
    folder = make_set("one", {"image": 1}, {}, {"image": darker(scene(1)), "split": "test"}, {}, {"identity": "one-1"})
    assert audit([folder], workers=1) == audit([folder], workers=2)


def test_progress_ends_at_the_number_of_images(make_set: MakeSet) -> None:
    seen: list[tuple[int, int]] = []
    audit([make_set("one", {"image": 1}, {"image": 1}, {})], workers=1, progress=lambda *now: seen.append(now))
    assert seen[-1] == (2, 2)


def test_no_rows(tmp_path: Path) -> None:
    with ManifestWriter(tmp_path / MANIFEST):
        pass
    assert audit([tmp_path], workers=1).findings == []


@pytest.mark.real
def test_lfw_holds_a_photograph_under_two_names(shared: Path, tmp_path: Path, make_set: MakeSet) -> None:
    """Carlos_Beltran_0001 and Raul_Ibanez_0001, one in the official test part and one in the training part."""
    from occbench.images import decode, read_bytes

    names = ("Carlos_Beltran", "Raul_Ibanez", "George_W_Bush", "Ari_Fleischer")
    files = [next(iter(sorted((shared / "data/lfw").rglob(f"{name}_0001.jpg"))), None) for name in names]
    if None in files:
        pytest.skip("not the whole of LFW")
    rows = [{"identity": name, "image": decode(read_bytes(file))} for name, file in zip(names, files, strict=True) if file]
    report = audit([make_set("lfw", *rows)], workers=1)
    assert only(report) == ("near", "identities")
    assert {p["identity"] for p in report.findings[0].photographs} == {"Carlos_Beltran", "Raul_Ibanez"}
