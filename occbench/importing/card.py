"""Data cards of what was imported: paired data sets, and natural ones."""

from collections import Counter
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from occbench.images import write_atomic
from occbench.importing import Layout
from occbench.manifest import MANIFEST, facts
from occbench.manifest.natural import NATURAL, natural_batches
from occbench.manifest.schema import KINDS, SPLITS
from occbench.stats.picture import PICTURE, draw
from occbench.stats.tables import Table, markdown, plain, tables
from occbench.stats.tally import Tally, fates
from occbench.synthesis.card import CARD, REJECTS, as_yaml, hub_header


def write_card(directory: Path, *, settings: Mapping[str, Any], layout: Layout) -> None:
    """Write `README.md` into the folder of an imported paired data set.

    Args:
        directory: holds manifest and rejects.
        settings: of the import, plain.
        layout: its name and terms go onto the card.

    Raises:
        InputError: no usable manifest in the folder.
        RunError: the card cannot be written.
    """
    tally = Tally(directory / MANIFEST)
    header = hub_header(layout.name, tally.pairs.total())
    header["pretty_name"] = f"Paired face occlusions, imported ({layout.name})"
    if tally.pairs:
        draw(tally, directory / PICTURE, f"occbench import · {layout.name}")
    _write(
        directory,
        "paired.md.j2",
        header=header,
        settings=settings,
        layout=layout,
        version=facts(directory / MANIFEST).version,
        tally=tally,
        tables=tables(tally, fates(directory / REJECTS)),
        picture=PICTURE,
    )


def write_natural_card(directory: Path, *, settings: Mapping[str, Any], layout: Layout) -> None:
    """Write `README.md` into the folder of a natural set; arguments and errors as in `write_card`."""
    kinds: Counter[tuple[str, str]] = Counter()
    warnings: Counter[str] = Counter()
    people: dict[str, set[int]] = {split: set() for split in SPLITS}
    for batch in natural_batches(directory / NATURAL, ["split", "kind", "identity", "warnings"]):
        for row in batch.to_pylist():
            kinds[row["kind"], row["split"]] += 1
            people[row["split"]].add(hash(row["identity"]))
            warnings.update(row["warnings"])
    splits = tuple(split for split in SPLITS if people[split])
    rows = [(kind, *(kinds[kind, split] for split in splits)) for kind in KINDS if any(kinds[kind, split] for split in splits)]
    rejects = Counter[str]()
    for (_, reason), many in fates(directory / REJECTS).items():
        rejects[reason] += many
    _write(
        directory,
        "natural.md.j2",
        settings=settings,
        layout=layout,
        total=kinds.total(),
        kinds=Table("", ("", *splits), (*rows, ("people", *(len(people[split]) for split in splits)))),
        warnings=Table("", ("warning", "photographs"), tuple(sorted(warnings.items()))),
        rejects=Table("", ("reason", "how many"), tuple(sorted(rejects.items()))),
    )


def _write(directory: Path, template: str, **values: Any) -> None:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    environment.filters.update(plain=plain, yaml=as_yaml, markdown=markdown)
    text = (resources.files("occbench.importing") / template).read_text(encoding="utf-8")
    write_atomic(directory / CARD, environment.from_string(text).render(**values).encode())
