"""The published benchmarks: small enough, fit to be published, and still rebuilt to the pixel."""

import importlib.util
import json
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from occbench.cli import main
from occbench.errors import UsageError
from occbench.manifest import MANIFEST, ManifestWriter, batches, facts, read
from occbench.manifest.splits import overlaps
from occbench.manifest.verify import verify
from occbench.synthesis import benchmarks
from occbench.synthesis.dataset import rebuild
from occbench.synthesis.recipe import load, resolve
from occbench.synthesis.selection import Rows

NAMES = benchmarks.names()
EVERY = 450  # photographs: about thirty of a benchmark are rebuilt


def columns(name: str, *wanted: str) -> Any:
    return pa.Table.from_batches(list(batches(benchmarks.find(name), wanted))).to_pandas()


def test_what_there_is() -> None:
    assert NAMES == ["lfw-masks-v1", "lfw-mixed-v1"]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"lfw-masks-v1, lfw-mixed-v1\. Did you mean 'lfw-masks-v1'\?"):
        benchmarks.find("lfw-mask-v1")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small(name: str) -> None:
    assert benchmarks.find(name).stat().st_size < 12_000_000


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_in_two_splits(name: str) -> None:
    table = columns(name, "identity", "split")
    assert set(table.split) == {"train", "val", "test"}
    assert overlaps(zip(table.identity, table.split, strict=True)) == {}


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_annotations_of_lfw_alone(name: str) -> None:
    assert set(columns(name, "source").source) == {"lfw"}


@pytest.mark.parametrize("name", NAMES)
def test_no_pair_has_an_occluder_that_may_not_be_on_the_face(name: str) -> None:
    table = columns(name, "occluder", "warnings")
    codes = {(occluder, code) for occluder, codes in zip(table.occluder, table.warnings, strict=True) for code in codes}
    assert {code for _, code in codes} <= {"wears-sunglasses", "crop-outside-frame"}
    assert ("sunglasses", "wears-sunglasses") not in codes


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_beside_it_is_the_one_that_made_it(name: str) -> None:
    manifest = benchmarks.find(name)
    recipe = resolve(load(str(manifest.with_name("recipe.yaml"))), "recipe.yaml")
    assert recipe.fingerprint() == facts(manifest).recipe_fingerprint


@pytest.mark.parametrize("name", NAMES)
def test_its_page_has_its_fingerprints(name: str) -> None:
    manifest = benchmarks.find(name)
    text = manifest.with_name("README.md").read_text(encoding="utf-8")
    for split, mark in benchmarks.fingerprints(manifest).items():
        assert any(f"| {split} |" in line and mark[:16] in line for line in text.splitlines())


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_it_is_rebuilt_to_the_pixel(name: str, shared: Path, tmp_path: Path) -> None:
    manifest = benchmarks.find(name)
    with ManifestWriter(tmp_path / "some.parquet") as writer:
        for number, (_, rows) in enumerate(groupby(read(manifest), lambda row: row.image_id)):
            for row in rows if number % EVERY == 0 else ():
                writer.write(row)
    summary = rebuild(Rows(tmp_path / "some.parquet"), shared / "data" / "lfw", tmp_path / "out", workers=1)
    assert summary.photographs >= 25
    assert summary.rejects == {}
    assert verify(tmp_path / "out", workers=1).ok


@pytest.mark.real
def test_the_commands(shared: Path, tmp_path: Path) -> None:
    root = ["--root", str(shared / "data" / "lfw")]
    rebuilt = CliRunner().invoke(
        main, ["synth", "--benchmark", "lfw-mixed-v1", *root, "--out", str(tmp_path / "out"), "--split", "val", "--limit", "3"]
    )
    assert rebuilt.exit_code == 0, rebuilt.output
    verified = CliRunner().invoke(main, ["verify", str(tmp_path / "out"), "--benchmark", "lfw-mixed-v1", "--json"])
    assert verified.exit_code == 4
    answer = json.loads(verified.stdout)
    assert answer["ok"]
    assert answer["benchmark"] == {"val": False}  # three photographs are not the split


def test_a_whole_split_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ManifestWriter(tmp_path / MANIFEST) as writer:
        for batch in batches(benchmarks.find("lfw-masks-v1")):
            writer.extend(batch.filter(pa.compute.equal(batch.column("split"), "val")))
    assert benchmarks.compare(tmp_path / MANIFEST, "lfw-masks-v1") == {"val": True}


# Freezing.


@pytest.fixture(scope="module")
def freeze() -> ModuleType:
    """`manifests/freeze.py`."""
    spec = importlib.util.find_spec("occbench.manifests.freeze")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("image_id", "occluder", "codes", "reason"),
    [
        ("a", "mask", [], None),
        ("a", "mask", ["wears-sunglasses", "crop-outside-frame"], None),
        ("a", "sunglasses", ["wears-sunglasses"], "wears-sunglasses"),
        ("a", "black-box", ["low-coverage"], "low-coverage"),
        ("a", "mask", ["average-geometry"], "average-geometry"),
        ("copy", "mask", [], "in-test"),
    ],
)
def test_what_a_benchmark_may_hold(freeze: ModuleType, image_id: str, occluder: str, codes: list[str], reason: str | None) -> None:
    assert freeze.why_not(image_id, occluder, codes, {"copy"}) == reason


def test_what_cannot_be_frozen_leaves_nothing(freeze: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    made = ["synth", "--source", "sample", "--occluders", "noise", "--size", "32", "--workers", "1", "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(main, made).exit_code == 0
    monkeypatch.setattr(freeze, "HOME", tmp_path / "home")
    monkeypatch.setattr("sys.argv", ["freeze.py", "sample-v1", str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="the terms of sample"):
        freeze.main()
    assert not list((tmp_path / "home").iterdir())
    monkeypatch.setattr(freeze, "_FREE", ("sample",))
    monkeypatch.setattr(freeze, "page", lambda *_: "")
    freeze.main()
    assert {path.name for path in (tmp_path / "home" / "sample-v1").iterdir()} == {MANIFEST, "recipe.yaml", "README.md"}


@pytest.mark.parametrize("name", NAMES)
def test_photographs_that_lfw_has_under_two_names_are_in_one_split(name: str) -> None:
    table = columns(name, "image_id")
    train = {"Andrew_Gilligan/Andrew_Gilligan_0001", "Raul_Ibanez/Raul_Ibanez_0001", "Emmy_Rossum/Emmy_Rossum_0001"}
    assert not train & set(table.image_id)
