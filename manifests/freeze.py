"""Freeze a data set as a published benchmark: its manifest, less the pairs that a benchmark should not have, its recipe, a page.

    python manifests/freeze.py lfw-masks-v1 out/masks

A published benchmark never changes. What would change it gets another name.
"""

import argparse
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa

from occbench.audit.audit import audit
from occbench.manifest import MANIFEST, ManifestWriter, batches, facts
from occbench.manifest.schema import SPLITS
from occbench.synthesis import benchmarks

HOME = Path(__file__).resolve().parent
_MAX_BYTES = 12_000_000
_FREE = ("lfw",)  # sources whose annotations may be published: those of CelebA and VGGFace2 may not
# Warnings whose pairs a benchmark should not have, and why.
_REASONS = {
    "average-geometry": "what may not be where the face is",
    "low-coverage": "what hides next to nothing of the face",
    "wears-sunglasses": "sunglasses over dark glasses that are really worn, for there is nothing to restore",
    "in-test": "photographs that the test split has too, under another name",
}
_ONLY = {"wears-sunglasses": "sunglasses"}  # of this occluder alone

_PAGE = """# {name}

{pairs:,} pairs of {photographs:,} photographs of Labeled Faces in the Wild (deep-funneled), aligned, {side}×{side} px:
{occluders}.
Train and test are the official development sets, which share no person; validation is a tenth of the people of the first, by hash.

| split | pairs | photographs | people | fingerprint |
| --- | --: | --: | --: | --- |
{rows}

Rebuild it from your own copy of the photographs, prove it, and score on its test split:

```
occbench synth --benchmark {name} --root ~/data/lfw --out out/{name}
occbench verify out/{name} --benchmark {name}
occbench score --data out/{name} --method telea --out results/telea
```

`--split test` rebuilds the test split alone. Landmarks and all that was drawn at random are frozen in `manifest.parquet`, so no
detector runs, and no later version of one can change the benchmark. `recipe.yaml` is the recipe that it was made with.

Left out: {left_out}.
Photographs in which dlib finds no face ({boxed} of them; `landmark_source` says which) have landmarks of its predictor inside the
mean face box of LFW.

LFW's photographs are not here, and belong to their owners. The manifest holds names and facial geometry of real people:
[docs/licences.md](../../docs/licences.md#a-manifest-is-personal-data) says what that asks of you.
"""


def in_test(dataset: Path) -> set[str]:
    """Photographs (image ids) outside the test split that are in it, too."""
    leaks = (finding.photographs for finding in audit([dataset]).findings if finding.relation == "splits")
    return {photo["image_id"] for photos in leaks for photo in photos if photo["split"] != "test"}


def why_not(image_id: str, occluder: str, warnings: list[str], leaking: set[str]) -> str | None:
    """Why a benchmark should not have a pair, a key of `_REASONS`; None where it may."""
    codes = [*warnings, *(["in-test"] if image_id in leaking else [])]
    return next((code for code in codes if code in _REASONS and _ONLY.get(code) in (None, occluder)), None)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("dataset", type=Path)
    options = parser.parse_args()
    folder = HOME / options.name
    if folder.exists():
        parser.error(f"{options.name} is published already; a benchmark never changes")
    with tempfile.TemporaryDirectory(dir=HOME, ignore_cleanup_errors=True) as name:
        made = Path(name) / options.name
        made.mkdir()
        freeze(options.dataset, made)
        made.rename(folder)


def freeze(dataset: Path, folder: Path) -> None:
    """Write a benchmark into a folder that has its name.

    Raises:
        SystemExit: what may not be published.
        OccbenchError: no usable data set.
    """
    source, left_out = dataset / MANIFEST, Counter[str]()
    said, leaking = facts(source), in_test(dataset)
    with ManifestWriter(folder / MANIFEST, seed=int(said.seed), recipe_fingerprint=said.recipe_fingerprint, level=19) as writer:
        for batch in batches(source):
            if foreign := set(batch.column("source").to_pylist()) - set(_FREE):
                raise SystemExit(f"the terms of {', '.join(foreign)} do not allow a published manifest")
            rows = zip(*(batch.column(name).to_pylist() for name in ("image_id", "occluder", "warnings")), strict=True)
            reasons = [why_not(image_id, occluder, codes, leaking) for image_id, occluder, codes in rows]
            left_out.update(reason for reason in reasons if reason)
            writer.extend(batch.filter(pa.array([reason is None for reason in reasons])))
    shutil.copyfile(dataset / "recipe.yaml", folder / "recipe.yaml")
    (folder / "README.md").write_text(page(folder.name, folder / MANIFEST, left_out), encoding="utf-8")
    if (folder / MANIFEST).stat().st_size > _MAX_BYTES:
        raise SystemExit(f"{folder.name}: its manifest has more than {_MAX_BYTES} bytes, too many to publish")


def page(name: str, manifest: Path, left_out: Counter[str]) -> str:
    """The benchmark's README."""
    columns = ("split", "image_id", "identity", "occluder", "landmark_source", "width")
    table = pa.Table.from_batches(list(batches(manifest, columns))).to_pandas()
    marks = benchmarks.fingerprints(manifest)
    rows = [
        f"| {split} | {len(part):,} | {part.image_id.nunique():,} | {part.identity.nunique():,} | `{marks[split][:16]}…` |"
        for split in SPLITS
        for part in [table[table.split == split]]
    ]
    return _PAGE.format(
        name=name,
        pairs=len(table),
        photographs=table.image_id.nunique(),
        side=table.width[0],
        occluders=", ".join(f"{occluder} {count:,}" for occluder, count in table.occluder.value_counts().items()),
        rows="\n".join(rows),
        left_out="; ".join(f"{why} ({left_out[code]} pairs)" for code, why in _REASONS.items() if left_out[code]) or "nothing",
        boxed=table[table.landmark_source.str.contains(" box ")].image_id.nunique(),
    )


if __name__ == "__main__":
    main()
