import hashlib
import json
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occbench.errors import InputError
from occbench.images import decode_exact, read_bytes
from occbench.manifest import MANIFEST, read
from occbench.manifest.croissant import CROISSANT, describe, write_croissant
from occbench.manifest.schema import SCHEMA


@pytest.fixture(scope="module")
def dataset(data: Path) -> Any:
    """The data set as the reference implementation sees it; it validates what it opens."""
    croissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed: pip install 'occbench[test]'")
    return croissant.Dataset(jsonld=data / CROISSANT)


def test_it_is_valid(dataset: Any) -> None:
    assert not dataset.metadata.ctx.issues.errors


def test_its_records_are_the_rows(dataset: Any, data: Path) -> None:
    def plain(value: Any) -> Any:  # texts come as bytes
        if isinstance(value, list):
            return [plain(one) for one in value]
        return value.decode() if isinstance(value, bytes) else value

    records = [{key: plain(value) for key, value in record.items()} for record in dataset.records("pairs")]
    rows = [row.to_record() for row in read(data / MANIFEST)]
    assert [record["pairs/pair_id"] for record in records] == [row["pair_id"] for row in rows]
    for name in set(SCHEMA.names) - {"landmarks"}:
        assert [record[f"pairs/{name}"] for record in records] == [row[name] for row in rows], name
    assert np.allclose([record["pairs/landmarks"] for record in records], [row["landmarks"] for row in rows], atol=1e-4)


@pytest.mark.parametrize("kind", ["clean", "occluded", "mask"])
def test_its_images_are_found_by_the_paths_of_the_pairs(dataset: Any, data: Path, kind: str) -> None:
    paths = {getattr(row, f"{kind}_path") for row in read(data / MANIFEST)}
    for record in islice(dataset.records(kind), 3):
        path = record[f"{kind}/path"].decode()
        assert path in paths
        pixels = decode_exact(read_bytes(data / path))
        shown = np.asarray(record[f"{kind}/image"])  # always RGB
        assert np.array_equal(shown, pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2))


def test_the_table_is_named_by_its_hash(data: Path) -> None:
    document = json.loads((data / CROISSANT).read_text(encoding="utf-8"))
    table = next(entry for entry in document["distribution"] if entry["@id"] == MANIFEST)
    assert table["sha256"] == hashlib.sha256((data / MANIFEST).read_bytes()).hexdigest()


def test_the_terms_of_the_photographs_are_its_licence(data: Path) -> None:
    assert describe(data, source="lfw", licence="Research „only“.")["license"] == "Research „only“."


def test_equal_manifests_give_equal_bytes_anywhere(data: Path, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(data / MANIFEST, tmp_path / name)
        write_croissant(tmp_path / name, source="lfw", licence="…")
        written.append((tmp_path / name / CROISSANT).read_bytes())
    assert written[0] == written[1]
    assert str(tmp_path).encode() not in written[0]


def test_without_a_manifest_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        write_croissant(tmp_path, source="lfw", licence="…")
    assert list(tmp_path.iterdir()) == []
