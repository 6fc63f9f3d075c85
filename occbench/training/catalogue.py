"""What can be trained: baselines, their variants and recipes, and how many parameters their networks have."""

from typing import Any

import torch

from occbench import registry
from occbench.pairs.labels import ATTRIBUTES
from occbench.training import BASELINES
from occbench.training.recipe import Recipe, baseline, book, resolve


def catalogue() -> list[dict[str, Any]]:
    """Every baseline as plain data: `name`, `about`, `track`, `variants` and `recipes`, each of these with `name` and `about`, and
    each variant with `networks`: parameter counts by name, at its own settings, with OA-GAN's seven attributes where it has labels.
    """
    return [_described(name) for name in registry.names("baselines", BASELINES)]


def parameters(recipe: Recipe) -> dict[str, int]:
    """Parameters of each network of a recipe, counted without allocating or drawing any."""
    kind: Any = baseline(recipe.baseline)
    with torch.device("meta"):
        built = kind(recipe.settings, 0 if recipe.settings.labels == "none" else len(ATTRIBUTES))
    return {name: sum(p.numel() for p in network.parameters()) for name, network in built.networks.items()}


def _described(name: str) -> dict[str, Any]:
    kind = baseline(name)
    pages = book(kind)
    return {
        "name": name,
        "about": " ".join((kind.__doc__ or "").split("\n\n")[0].split()),
        "track": kind.track,
        "variants": [
            {"name": variant, "about": page["about"], "networks": parameters(resolve(name, variant=variant))}
            for variant, page in pages["variants"].items()
        ],
        "recipes": [{"name": recipe, "about": page["about"]} for recipe, page in pages["recipes"].items()],
    }
