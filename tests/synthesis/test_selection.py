"""What a run is over: photographs, or the rows of a manifest."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from occbench.errors import InputError, UsageError
from occbench.manifest import MANIFEST, ManifestWriter, read
from occbench.synthesis.dataset import rebuild, synthesise
from occbench.synthesis.selection import Rows, Selection

Select = Callable[..., Selection]


@pytest.fixture
def manifest(select: Select, tmp_path: Path) -> Path:
    """Of 21 photographs, four pairs each."""
    synthesise(select(), tmp_path / "whole", workers=1)
    return tmp_path / "whole" / MANIFEST


@pytest.mark.parametrize(("split", "limit"), [("all", None), ("test", None), ("all", 5), ("test", 2), ("all", 1000)])
def test_the_estimate_of_rows_is_what_comes_out(
    manifest: Path, fake_lfw: Path, tmp_path: Path, split: str, limit: int | None
) -> None:
    rows = Rows(manifest, split, limit)
    estimate = rows.estimate()
    made = rebuild(rows, fake_lfw, tmp_path / "out", workers=1)
    assert (estimate["photographs"], estimate["pairs_by_split"]) == (made.photographs, made.pairs)
    assert estimate["photographs"] == len(list(rows.photographs()))
    assert estimate["bytes"] > 0


def test_no_rows(manifest: Path, tmp_path: Path) -> None:
    with ManifestWriter(tmp_path / "empty.parquet"):
        pass
    with pytest.raises(InputError, match="has no rows"):
        Rows(tmp_path / "empty.parquet").estimate()
    with ManifestWriter(tmp_path / "test.parquet") as writer:
        for row in read(manifest):
            writer.write(replace(row, split="test"))
    with pytest.raises(UsageError, match="no rows of the split 'val', only of test"):
        Rows(tmp_path / "test.parquet", "val").estimate()
    with pytest.raises(UsageError, match="from 1, not 0"):
        Rows(manifest, limit=0)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"parameters": {"imported": {"mask": "given"}}}, "occbench import"),
        ({"landmark_source": "average geometry through the crop"}, "--overlays PACK"),
    ],
)
def test_rows_that_nobody_can_render_again(
    manifest: Path, fake_lfw: Path, tmp_path: Path, change: dict[str, Any], cause: str
) -> None:
    with ManifestWriter(tmp_path / "other.parquet") as writer:
        for row in read(manifest):
            writer.write(replace(row, **change))
    with pytest.raises(UsageError, match=rf"other\.parquet is of pairs .*{cause}"):
        rebuild(Rows(tmp_path / "other.parquet"), fake_lfw, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_a_list_of_people_is_told_by_name_and_content(select: Select, fake_lfw: Path, tmp_path: Path) -> None:
    people = sorted({face.identity for face in select().faces()})
    for folder, name in (("a", people[0]), ("b", people[0]), ("c", people[1])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "out.txt").write_text(f"{name}\n")

    def without(folder: str) -> Selection:
        return Selection(select(limit=4).recipe, fake_lfw, {"exclude_identities": tmp_path / folder / "out.txt"})

    synthesise(without("a"), tmp_path / "out", workers=1)
    said = yaml.safe_load((tmp_path / "out" / "recipe.yaml").read_text())["made_from"]["options"]
    assert said["exclude_identities"]["file"] == "out.txt"
    assert str(tmp_path) not in (tmp_path / "out" / "recipe.yaml").read_text()
    synthesise(without("b"), tmp_path / "out", workers=1, resume=True)
    with pytest.raises(UsageError, match=r"options\.exclude_identities\.sha256"):
        synthesise(without("c"), tmp_path / "out", workers=1, resume=True)
