"""The data card: a `README.md` that says what is in a data set, on which terms, and how to make it again."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml

from occbench.faces import Source
from occbench.images import write_atomic
from occbench.manifest import MANIFEST, batches, facts, read_rejects
from occbench.manifest.schema import SPLITS

CARD = "README.md"
REJECTS = "rejects.csv"
_COLUMNS = ("split", "source", "image_id", "identity", "occluder", "variant", "width", "height", "warnings")
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}


def write_card(directory: Path, *, recipe: Mapping[str, Any], source: Source) -> None:
    """Write `README.md` into the folder of a data set. Equal manifest, rejects and recipe give an equal card.

    Args:
        directory: holds the manifest, and `rejects.csv` where there are any.
        recipe: as `Recipe.document` gives it; the card shows its plain settings.
        source: its name and the terms of its photographs go onto the card.

    Raises:
        InputError: no usable manifest in the folder.
        RunError: the card cannot be written.
    """
    tally = _Tally(directory / MANIFEST)
    rejects = directory / REJECTS
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    environment.filters.update(plain=plain, yaml=_yaml)
    template = environment.from_string((resources.files("occbench.synthesis") / "card.md.j2").read_text(encoding="utf-8"))
    text = template.render(
        header=_header(source.name, tally.pairs.total()),
        source=source,
        version=facts(directory / MANIFEST).version,
        settings={key: value for key, value in sorted(recipe.items()) if value is not None and not isinstance(value, Mapping)},
        tally=tally,
        rejects=Counter((reject.occluder, reject.reason) for reject in (read_rejects(rejects) if rejects.exists() else ())),
    )
    write_atomic(directory / CARD, text.encode())


class _Tally:
    """What the card counts of a manifest. Photographs and people are kept as hashes, 16 bytes a row.

    Attributes:
        pairs: of each split.
        kinds: (occluder, variant) to its pairs in each split.
        warnings: code to pairs.
    """

    def __init__(self, manifest: Path) -> None:
        self.pairs: Counter[str] = Counter()
        self.kinds: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.warnings: Counter[str] = Counter()
        self._photographs: dict[str, Any] = {split: array("q") for split in SPLITS}
        self._people: dict[str, Any] = {split: array("q") for split in SPLITS}
        self._sides: dict[str, set[int]] = {"width": set(), "height": set()}
        for batch in batches(manifest, _COLUMNS):
            for row in batch.to_pylist():
                self._add(row)

    def _add(self, row: Mapping[str, Any]) -> None:
        split = row["split"]
        self.pairs[split] += 1
        self.kinds[row["occluder"], row["variant"]][split] += 1
        self.warnings.update(row["warnings"])
        self._photographs[split].append(hash((row["source"], row["image_id"])))
        self._people[split].append(hash((row["source"], row["identity"])))
        for side, seen in self._sides.items():
            seen.add(row[side])

    @property
    def splits(self) -> list[str]:
        """Those that have pairs."""
        return [split for split in SPLITS if self.pairs[split]]

    @property
    def disjoint(self) -> bool:
        """Nobody is in two splits."""
        return self.people(*SPLITS) == sum(map(self.people, SPLITS))

    @property
    def size(self) -> str:
        """Width × height of the images, each a number or a range."""
        return " × ".join("–".join(map(str, sorted({min(seen), max(seen)}))) for seen in self._sides.values() if seen)

    def photographs(self, *splits: str) -> int:
        """How many different ones these splits have together."""
        return _distinct(self._photographs[split] for split in splits)

    def people(self, *splits: str) -> int:
        """How many different ones these splits have together."""
        return _distinct(self._people[split] for split in splits)


def _distinct(hashes: Iterable[Any]) -> int:
    return len(np.unique(np.concatenate([np.empty(0, np.int64), *hashes])))


def plain(text: str) -> str:
    """Text from a manifest, which may be anybody's, as one line of Markdown that means nothing but itself."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line.translate({ord(c): f"&#{ord(c)};" for c in "&<>|`[]*"})


def _yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text


def _header(source: str, rows: int) -> dict[str, Any]:
    """What Hugging Face's hub reads. Without `configs` the contact sheet would count as a picture of the data set."""
    return {
        "pretty_name": f"Paired face occlusions ({source})",
        "license": "other",
        "license_name": "terms-of-the-photographs",
        "task_categories": ["image-to-image"],
        "tags": ["face", "occlusion", "de-occlusion", "inpainting", "synthetic"],
        "size_categories": [next((name for limit, name in _SIZES.items() if rows < limit), "n>1M")],
        "configs": [
            {
                "config_name": "pairs",
                "default": True,
                "drop_labels": True,
                "data_files": [{"split": "pairs", "path": ["metadata.jsonl", "clean/**", "occluded/**", "mask/**"]}],
            }
        ],
    }
