"""The model card of a run."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from occbench import __version__
from occbench.images import write_atomic
from occbench.training import Baseline
from occbench.training.recipe import Recipe, baseline, book

CARD = "README.md"


def write_card(out: Path, recipe: Recipe, facts: Mapping[str, Any], built: Baseline) -> None:
    """Write `README.md` of a run: what was trained, on what, how well it restores the validation split, and how to use it.

    Args:
        out: folder of the run.
        recipe: of the run.
        facts: as in its checkpoints.
        built: the baseline.

    Raises:
        RunError: the disk is full, or the like.
    """
    template = resources.files("occbench.training").joinpath("card.md.j2").read_text(encoding="utf-8")
    pages = book(baseline(recipe.baseline))
    text = (
        Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
        .from_string(template)
        .render(
            version=__version__,
            recipe=recipe,
            about=pages["variants"][recipe.variant]["about"],
            facts=facts,
            notices=built.notices,
            track=built.track,
            counts={name: sum(p.numel() for p in network.parameters()) for name, network in built.networks.items()},
            settings=yaml.safe_dump(recipe.document()["settings"], sort_keys=False, allow_unicode=True),
        )
    )
    write_atomic(out / CARD, text.encode())
