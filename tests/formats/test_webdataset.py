import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from occbench.errors import InputError, UsageError
from occbench.formats.webdataset import INDEX, MOST, _add, export_webdataset, key_of, pair_id_of
from occbench.images import pixel_sha256
from occbench.manifest import MANIFEST, ManifestWriter, read


@pytest.fixture(scope="module")
def shards(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "out"
    export_webdataset(made, out, pairs_per_shard=7, workers=1)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def samples(shards: Path) -> list[dict[str, Any]]:
    """As the library reads them, split by split."""
    webdataset = pytest.importorskip("webdataset", reason="the extra webdataset is not installed")
    files = [str(path) for path in sorted(shards.glob("*.tar"))]
    return list(webdataset.WebDataset(files, shardshuffle=False))


def test_the_library_reads_every_pair_with_its_pixels(made: Path, shards: Path) -> None:
    found = {
        pair_id_of(sample["__key__"]): tuple(
            pixel_sha256(np.asarray(Image.open(io.BytesIO(sample[f"{kind}.png"])))) for kind in ("clean", "occluded", "mask")
        )
        for sample in samples(shards)
    }
    assert found == {row.pair_id: (row.clean_sha256, row.occluded_sha256, row.mask_sha256) for row in read(made / MANIFEST)}


def test_images_are_the_files_of_the_data_set(made: Path, shards: Path) -> None:
    rows = {row.pair_id: row for row in read(made / MANIFEST)}
    for sample in samples(shards):
        row = rows[json.loads(sample["json"])["pair_id"]]
        assert sample["occluded.png"] == (made / row.occluded_path).read_bytes()
        assert sample["clean.png"] == (made / row.clean_path).read_bytes()


def test_rows_travel_with_their_images(made: Path, shards: Path) -> None:
    rows = {row.pair_id: row for row in read(made / MANIFEST)}
    for sample in samples(shards):
        said = json.loads(sample["json"])
        row = rows[said["pair_id"]]
        assert (said["identity"], said["variant"], said["parameters"]) == (row.identity, row.variant, row.parameters)
        assert said["landmarks"] == row.landmarks.tolist()


def test_each_split_has_shards_of_its_own(made: Path, shards: Path) -> None:
    rows = {row.pair_id: row.split for row in read(made / MANIFEST)}
    for path in shards.glob("*.tar"):
        with tarfile.open(path) as archive:
            keys = [name.partition(".")[0] for name in archive.getnames()]
        assert {rows[pair_id_of(key)] for key in keys} == {path.name.partition("-")[0]}
        assert len(set(keys)) <= 7


def test_the_bytes_depend_on_the_data_set_only(made: Path, shards: Path, tmp_path: Path) -> None:
    export_webdataset(made, tmp_path / "again", pairs_per_shard=7, workers=3)
    assert contents(tmp_path / "again") == contents(shards)


def test_members_say_nothing_about_when_where_and_by_whom(shards: Path) -> None:
    for path in shards.glob("*.tar"):
        with tarfile.open(path) as archive:
            said = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode, m.type) for m in archive}
        assert said == {(0, 0, 0, "", "", 0o644, tarfile.REGTYPE)}


def test_names_beyond_the_old_limit_of_tar_survive() -> None:
    name, file = f"{'k' * 150}.occluded.png", io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, name, b"content")
    file.seek(0)
    with tarfile.open(fileobj=file) as archive:
        (member,) = archive
        assert (member.name, member.mtime) == (name, 0)


def test_the_index_tells_what_is_there(shards: Path, made: Path) -> None:
    index = json.loads((shards / INDEX).read_text())
    assert {entry["file"] for entry in index["shards"]} == {path.name for path in shards.glob("*.tar")}
    for entry in index["shards"]:
        data = (shards / entry["file"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert sum(entry["pairs"] for entry in index["shards"]) == sum(1 for _ in read(made / MANIFEST))


def test_one_split_alone(made: Path, tmp_path: Path) -> None:
    index = export_webdataset(made, tmp_path / "out", split="test", workers=1)
    assert set(contents(tmp_path / "out")) == {"test-000000.tar", INDEX}
    assert list(index["splits"]) == ["test"]


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,149}", fullmatch=True))
def test_keys_have_no_dots_and_lead_back(pair_id: str) -> None:
    assert "." not in key_of(pair_id)
    assert pair_id_of(key_of(pair_id)) == pair_id


def test_other_pixels_than_promised_are_refused_and_leave_nothing(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "data")
    row = next(read(made / MANIFEST))
    Image.new("RGB", (64, 64)).save(tmp_path / "data" / row.occluded_path)
    with pytest.raises(InputError, match="other pixels"):
        export_webdataset(tmp_path / "data", tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_holds_something_is_refused(made: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UsageError, match="not empty"):
        export_webdataset(made, tmp_path)


@pytest.mark.parametrize("there", [True, False], ids=["to an empty folder", "to nothing yet"])
def test_a_link_is_followed(made: Path, tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    export_webdataset(made, tmp_path / "link", split="val", workers=1)
    assert (tmp_path / "link").is_symlink()
    assert set(contents(tmp_path / "real")) == {"val-000000.tar", INDEX}


@pytest.mark.parametrize("size", [0, MOST + 1])
def test_shards_of_no_use_are_refused(made: Path, tmp_path: Path, size: int) -> None:
    with pytest.raises(UsageError, match="A shard holds"):
        export_webdataset(made, tmp_path / "out", pairs_per_shard=size)


def test_an_empty_split_is_refused_with_the_sizes_of_the_others(made: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    shutil.copytree(made, few)
    rows = [row for row in read(made / MANIFEST) if row.split == "test"]
    with ManifestWriter(few / MANIFEST) as writer:
        for row in rows:
            writer.write(row)
    with pytest.raises(UsageError, match=rf"no pairs .* 'val' \(it has: test {len(rows)}\)"):
        export_webdataset(few, tmp_path / "out", split="val")
