"""The data card: a `README.md` that says what is in a data set, on which terms, and how to make it again."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import yaml

from occbench.faces import Source
from occbench.images import write_atomic
from occbench.manifest import MANIFEST, facts
from occbench.stats.picture import PICTURE, draw
from occbench.stats.tables import markdown, plain, tables
from occbench.stats.tally import Tally, fates

CARD = "README.md"
REJECTS = "rejects.csv"
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}


def write_card(directory: Path, *, recipe: Mapping[str, Any], source: Source) -> None:
    """Write `README.md`, and the picture of distributions that it shows, into the folder of a data set.

    Equal manifest, rejects and recipe give an equal card. Without any pair there is no picture.

    Args:
        directory: holds the manifest, and `rejects.csv` where there are any.
        recipe: as `Recipe.document` gives it; the card shows its plain settings.
        source: its name and the terms of its photographs go onto the card.

    Raises:
        InputError: no usable manifest in the folder.
        RunError: the card cannot be written.
    """
    tally = Tally(directory / MANIFEST)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    environment.filters.update(plain=plain, yaml=as_yaml, markdown=markdown)
    template = environment.from_string((resources.files("occbench.synthesis") / "card.md.j2").read_text(encoding="utf-8"))
    text = template.render(
        header=hub_header(source.name, tally.pairs.total()),
        source=source,
        version=facts(directory / MANIFEST).version,
        settings={key: value for key, value in sorted(recipe.items()) if value is not None and not isinstance(value, Mapping)},
        tally=tally,
        tables=tables(tally, fates(directory / REJECTS)),
        picture=PICTURE,
    )
    if tally.pairs:
        draw(tally, directory / PICTURE, f"occbench · {source.name}")
    write_atomic(directory / CARD, text.encode())


def as_yaml(value: Any) -> str:
    """YAML, for templates."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text


def hub_header(source: str, rows: int) -> dict[str, Any]:
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
