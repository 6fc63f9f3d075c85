import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from occbench.errors import InputError
from occbench.images import decode_exact, encode_png, pixel_sha256
from occbench.manifest import MANIFEST, ManifestWriter, Pair, read
from occbench.manifest.natural import NATURAL, Sight, read_natural, write_natural
from occbench.manifest.schema import to_batch
from occbench.manifest.verify import Report, verify


def rewritten(folder: Path, change: Callable[[int, Pair], Pair]) -> None:
    rows = list(read(folder / MANIFEST))
    with ManifestWriter(folder / MANIFEST) as writer:
        for number, row in enumerate(rows):
            writer.write(change(number, row))


def changed(row: Pair, **values: Any) -> Pair:
    return Pair(**{name: getattr(row, name) for name in Pair.__slots__} | values)


def repaint(path: Path, y: int, x: int) -> str:
    """Change one pixel; returns the new hash."""
    image = decode_exact(path.read_bytes())
    image[y, x] ^= 1
    path.write_bytes(encode_png(image))
    return pixel_sha256(image)


def only(report: Report) -> tuple[str, str]:
    assert len(report.problems) == 1, report.problems
    assert report.counts.total() == 1
    assert not report.ok
    return report.problems[0][:2]


def test_a_sound_data_set(dataset: Path) -> None:
    report = verify(dataset, workers=1)
    assert report.ok
    assert (report.rows, report.files) == (12, 27)
    assert report.document() == {"ok": True, "rows": 12, "files": 27, "counts": {}, "problems": []}


@pytest.mark.parametrize("column", ["clean_path", "occluded_path", "mask_path"])
def test_a_missing_file_is_told_once(dataset: Path, column: str) -> None:
    path = getattr(next(read(dataset / MANIFEST)), column)
    (dataset / path).unlink()
    assert only(verify(dataset, workers=1)) == ("missing", path)


def test_a_changed_pixel(dataset: Path) -> None:
    row = next(read(dataset / MANIFEST))
    repaint(dataset / row.occluded_path, 5, 7)  # inside the mask
    assert only(verify(dataset, workers=1)) == ("changed", row.occluded_path)


def test_other_compression_changes_nothing(dataset: Path) -> None:
    path = dataset / next(read(dataset / MANIFEST)).clean_path
    path.write_bytes(encode_png(decode_exact(path.read_bytes()), level=9))
    assert verify(dataset, workers=1).ok


def test_a_leak_outside_the_mask_is_found_though_the_hash_is_right(dataset: Path) -> None:
    first = next(read(dataset / MANIFEST))
    digest = repaint(dataset / first.occluded_path, 0, 0)
    rewritten(dataset, lambda n, row: changed(row, occluded_sha256=digest) if n == 0 else row)
    assert only(verify(dataset, workers=1)) == ("leak", first.occluded_path)


def test_an_occluded_image_that_is_not_occluded(dataset: Path) -> None:
    first = next(read(dataset / MANIFEST))
    (dataset / first.occluded_path).write_bytes((dataset / first.clean_path).read_bytes())
    rewritten(dataset, lambda n, row: changed(row, occluded_sha256=row.clean_sha256) if n == 0 else row)
    assert only(verify(dataset, workers=1)) == ("bare", first.occluded_path)


def test_an_image_of_another_size(dataset: Path) -> None:
    row = next(read(dataset / MANIFEST))
    (dataset / row.mask_path).write_bytes(encode_png(np.zeros((5, 6), np.uint8)))
    report = verify(dataset, workers=1)
    assert only(report) == ("size", row.mask_path)
    assert report.problems[0].detail.startswith("5×6, but the manifest says 16×24")


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n"], ids=repr)
def test_a_file_that_is_no_image(dataset: Path, content: bytes) -> None:
    row = next(read(dataset / MANIFEST))
    (dataset / row.mask_path).write_bytes(content)
    assert only(verify(dataset, workers=1)) == ("unreadable", row.mask_path)


def test_a_pipe_does_not_block(dataset: Path) -> None:
    row = next(read(dataset / MANIFEST))
    (dataset / row.mask_path).unlink()
    os.mkfifo(dataset / row.mask_path)
    assert only(verify(dataset, workers=1)) == ("unreadable", row.mask_path)


def test_a_link_that_leads_outside_is_not_followed(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    row = next(read(dataset / MANIFEST))
    outside = tmp_path_factory.mktemp("outside") / "x.png"
    (dataset / row.mask_path).rename(outside)
    (dataset / row.mask_path).symlink_to(outside)
    assert only(verify(dataset, workers=1)) == ("link", row.mask_path)


def test_a_link_that_stays_inside_is_followed(dataset: Path) -> None:
    row = next(read(dataset / MANIFEST))
    (dataset / row.mask_path).rename(dataset / "elsewhere.png")
    (dataset / row.mask_path).symlink_to(dataset / "elsewhere.png")
    assert verify(dataset, workers=1).ok


def test_a_loop_of_links(dataset: Path) -> None:
    row = next(read(dataset / MANIFEST))
    (dataset / row.mask_path).unlink()
    (dataset / row.mask_path).symlink_to(dataset / row.mask_path)
    assert only(verify(dataset, workers=1)) == ("unreadable", row.mask_path)


def test_the_data_set_may_be_reached_by_a_link(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("links") / "data"
    link.symlink_to(dataset)
    assert verify(link, workers=1).ok


@pytest.mark.parametrize("path", ["clean/x.png", "mask/deep/er/notes.txt", "occluded/0000/\udcff.png"], ids=ascii)
def test_extra_files(dataset: Path, path: str) -> None:
    (dataset / path).parent.mkdir(parents=True, exist_ok=True)
    (dataset / path).write_bytes(b"x")
    assert only(verify(dataset, workers=1)) == ("extra", path)


def test_a_linked_folder_is_extra_and_not_walked(dataset: Path) -> None:
    (dataset / "clean" / "loop").symlink_to(dataset)
    assert only(verify(dataset, workers=1)) == ("extra", "clean/loop")


@pytest.mark.parametrize("folder", ["", "clean/0000/"])
def test_leftovers(dataset: Path, folder: str) -> None:
    (dataset / f"{folder}.x.png.41000001.tmp").write_bytes(b"x")
    assert only(verify(dataset, workers=1)) == ("leftover", f"{folder}.x.png.41000001.tmp")


def test_other_files_at_the_root_are_nobodys_business(dataset: Path) -> None:
    (dataset / "notes.txt").write_text("mine")
    assert verify(dataset, workers=1).ok


def test_a_person_in_two_splits(dataset: Path) -> None:
    rewritten(dataset, lambda n, row: changed(row, split="test") if n == 0 else row)
    assert only(verify(dataset, workers=1)) == ("identity", "sample/Person_0")


def test_any_number_of_workers_says_the_same(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occbench.manifest.verify._TASK", 2)
    rows = list(read(dataset / MANIFEST))
    for row in rows[::3]:
        (dataset / row.occluded_path).unlink()
    for row in rows[::4]:
        repaint(dataset / row.clean_path, 0, 0)
    one, other = verify(dataset, workers=1), verify(dataset, workers=2)
    assert one == other
    assert one.counts == {"missing": 4, "changed": 3, "leak": 8}


def test_all_problems_are_counted_and_some_are_kept(dataset: Path) -> None:
    for path in dataset.glob("mask/0000/*"):
        path.unlink()
    report = verify(dataset, workers=1, keep=5)
    assert (report.counts["missing"], len(report.problems)) == (12, 5)


def test_progress_ends_at_the_number_of_rows(dataset: Path) -> None:
    seen: list[int] = []
    verify(dataset, workers=1, progress=seen.append)
    assert seen[-1] == 12


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        verify(tmp_path, workers=1)


# The manifest alone.


def test_the_manifest_alone_needs_no_images(dataset: Path) -> None:
    shutil.rmtree(dataset / "occluded")
    report = verify(dataset, images=False)
    assert report.ok
    assert (report.rows, report.files) == (12, 0)


def test_the_manifest_alone_tells_who_is_in_two_splits(dataset: Path) -> None:
    rewritten(dataset, lambda number, row: changed(row, identity="Person_0"))
    assert only(verify(dataset, images=False)) == ("identity", "sample/Person_0")


def test_the_manifest_alone_is_read_to_the_end(dataset: Path, make_pair: Any) -> None:
    rows = [make_pair(number) for number in range(12)]
    record = pa.Table.from_batches([to_batch(rows)])
    pq.write_table(pa.concat_tables([record, record.slice(3, 1)]), dataset / MANIFEST)
    with pytest.raises(InputError, match="row 12: the pair id"):
        verify(dataset, images=False)


# Natural sets.


@pytest.fixture
def natural(tmp_path: Path) -> Path:
    """Four crops of two people."""
    rows = []
    for number in range(4):
        image = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        path = tmp_path / f"images/0000/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(image))
        rows.append(
            Sight(
                *(f"masked/{number}.jpg", "rof", f"Person_{number // 2}", "train", "masked", np.zeros((68, 2)), "test 1"),
                *((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), 0.0, 0.0, 0.0, None, "a" * 64, pixel_sha256(image)),
                *(path.relative_to(tmp_path).as_posix(), 16, 16, ()),
            )
        )
    write_natural(tmp_path / NATURAL, rows)
    return tmp_path


def test_a_sound_natural_set(natural: Path) -> None:
    report = verify(natural, workers=1)
    assert report.document() == {"ok": True, "rows": 4, "files": 4, "counts": {}, "problems": []}


def test_a_changed_pixel_of_a_natural_set(natural: Path) -> None:
    repaint(natural / "images/0000/2.png", 5, 7)
    assert only(verify(natural, workers=1)) == ("changed", "images/0000/2.png")


def test_missing_and_extra_files_of_a_natural_set(natural: Path) -> None:
    (natural / "images/0000/1.png").rename(natural / "images/0000/one.png")
    report = verify(natural, workers=1)
    assert report.counts == {"missing": 1, "extra": 1}
    assert [problem[:2] for problem in report.problems] == [("missing", "images/0000/1.png"), ("extra", "images/0000/one.png")]


def test_a_person_in_two_splits_of_a_natural_set(natural: Path) -> None:
    rows = list(read_natural(natural / NATURAL))
    rows[3] = Sight(**{name: getattr(rows[3], name) for name in Sight.__slots__} | {"split": "test"})
    write_natural(natural / NATURAL, rows)
    assert only(verify(natural, images=False)) == ("identity", "rof/Person_1")


def test_any_number_of_workers_says_the_same_of_a_natural_set(natural: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occbench.manifest.verify._TASK", 1)
    for number in (0, 3):
        repaint(natural / f"images/0000/{number}.png", 0, 0)
    one, other = verify(natural, workers=1), verify(natural, workers=2)
    assert one == other
    assert one.counts == {"changed": 2}


def test_pairs_come_first_where_both_manifests_are(dataset: Path) -> None:
    (dataset / NATURAL).write_bytes(b"whatever")
    assert verify(dataset, workers=1).rows == 12
