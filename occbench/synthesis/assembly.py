"""What finished shards become: one manifest with its exports, rejects, recipe, card and contact sheet, all written in one pass."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from occbench import registry
from occbench.errors import InputError, Rejected
from occbench.faces import SOURCES
from occbench.images import decode_exact, read_bytes, write_atomic
from occbench.manifest import (
    MANIFEST,
    ManifestWriter,
    Pair,
    Reject,
    batches,
    export_csv,
    export_jsonl,
    facts,
    read_rejects,
    rows_at,
    write_rejects,
)
from occbench.manifest.croissant import write_croissant
from occbench.manifest.fingerprint import of_manifest
from occbench.manifest.schema import SPLITS
from occbench.synthesis.card import write_card
from occbench.synthesis.plan import Plan
from occbench.synthesis.sheet import contact_sheet
from occbench.synthesis.workspace import Workspace

SHEET = "contact_sheet.png"
SHEET_PAIRS = 48
_KIND = ("occluder", "variant")


@dataclass(frozen=True)
class Summary:
    """What a run gave.

    Attributes:
        out: folder of the data set.
        photographs: looked at.
        pairs: in the manifest, by split.
        rejects: rows of `rejects.csv`, by reason.
        fingerprint: of the data: pair ids and pixel hashes.
    """

    out: Path
    photographs: int
    pairs: dict[str, int]
    rejects: dict[str, int]
    fingerprint: str

    @classmethod
    def of(cls, out: Path, plan: Plan) -> "Summary":
        """What lies in a finished data set."""
        pairs: Counter[str] = Counter()
        for batch in batches(out / MANIFEST, ["split"]):
            pairs.update(batch.column("split").to_pylist())
        rejects = Counter(reject.reason for reject in read_rejects(out / "rejects.csv"))
        by_split = {split: pairs[split] for split in SPLITS if pairs[split]}
        return cls(out, plan.photographs, by_split, dict(sorted(rejects.items())), of_manifest(out / MANIFEST))

    @property
    def rejected(self) -> int:
        """Rows of `rejects.csv`."""
        return sum(self.rejects.values())

    def document(self) -> dict[str, Any]:
        """JSON-able, for `--json`."""
        return {
            "out": str(self.out),
            "photographs": self.photographs,
            "pairs": sum(self.pairs.values()),
            "pairs_by_split": self.pairs,
            "rejects": self.rejected,
            "rejects_by_reason": self.rejects,
            "data_fingerprint": self.fingerprint,
            "contact_sheet": str(self.out / SHEET),
        }


def assemble(space: Workspace, plan: Plan) -> None:
    """Everything but the images, out of the finished shards, in their order.

    Args:
        space: in which all shards of the plan are finished.
        plan: of the run.

    Raises:
        InputError: a shard's rows are damaged or of another run, or images are not there that they list.
        RunError: the disk is full.
    """
    source = registry.load("sources", SOURCES, plan.source)
    write_tables(space, plan)
    if plan.recipe is not None:
        write_recipe(space.out, plan)
    write_card(space.out, recipe=plan.recipe or {}, source=source)
    write_croissant(space.out, source=source.name, licence=source.licence)
    write_sheet(space.out, f"occbench · {source.name}")


def write_tables(space: Workspace, plan: Plan, rejects: Iterable[Reject] = ()) -> None:
    """The manifest, its exports, and the rejects of all shards, after those given; raises as `assemble`."""
    out = space.out
    with ManifestWriter(out / MANIFEST, seed=plan.seed, recipe_fingerprint=plan.recipe_fingerprint) as writer:
        for number in range(plan.shards):
            if facts(space.shard(number)).recipe_fingerprint != plan.recipe_fingerprint:
                raise InputError(f"{space.shard(number)} is of another run than {out}: delete it, and make its part again.")
            for batch in batches(space.shard(number)):
                writer.extend(batch)
    shards = chain.from_iterable(read_rejects(space.rejects(number)) for number in range(plan.shards))
    write_rejects(out / "rejects.csv", chain(rejects, shards))
    export_csv(out / MANIFEST, out / "manifest.csv")
    export_jsonl(out / MANIFEST, out / "metadata.jsonl")


def write_recipe(out: Path, plan: Plan) -> None:
    """`recipe.yaml`: the recipe, and what it was applied to."""
    text = yaml.safe_dump({**(plan.recipe or {}), "made_from": dict(plan.made_from)}, sort_keys=True, allow_unicode=True)
    write_atomic(out / "recipe.yaml", text.encode())


def write_sheet(out: Path, title: str) -> None:
    """The contact sheet, unless there are no pairs."""
    rows = [(*_images(out, row), f"{row.occluder}/{row.variant}") for row in rows_at(out / MANIFEST, _shown(out / MANIFEST))]
    if rows:
        contact_sheet(rows, out / SHEET, title)


def _shown(manifest: Path) -> set[int]:
    """Numbers of the rows on the contact sheet: as many of each variant of each occluder, spread evenly over its rows."""
    totals: Counter[tuple[str, str]] = Counter()
    for batch in batches(manifest, _KIND):
        totals.update(_kinds(batch))
    share = max(1, SHEET_PAIRS // max(1, len(totals)))
    wanted = {}  # the k-th row of each kind; the start differs, so that not all kinds show the same photograph
    for number, (kind, total) in enumerate(sorted(totals.items())[:SHEET_PAIRS]):
        wanted[kind] = {(k * total // min(share, total) + number) % total for k in range(min(share, total))}
    seen: Counter[tuple[str, str]] = Counter()
    chosen, row = set(), 0
    for batch in batches(manifest, _KIND):
        for kind in _kinds(batch):
            if seen[kind] in wanted.get(kind, ()):
                chosen.add(row)
            seen[kind] += 1
            row += 1
    return chosen


def _kinds(batch: Any) -> Iterator[tuple[str, str]]:
    return zip(*(batch.column(name).to_pylist() for name in _KIND), strict=True)


def _images(out: Path, row: Pair) -> tuple[Any, Any, Any]:
    clean, occluded, mask = (_image(out / path) for path in (row.clean_path, row.occluded_path, row.mask_path))
    return clean, occluded, mask


def _image(path: Path) -> Any:
    try:
        return decode_exact(read_bytes(path))
    except Rejected as rejected:
        raise InputError(
            f"{path} was made, and is not there as it was: {rejected.detail}. `occbench verify` lists all such images; begin anew "
            "with --overwrite (or, if these were parts, in another folder)."
        ) from None
