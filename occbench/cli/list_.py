"""`occbench list`."""

import ast
import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from occbench import registry
from occbench.faces import SOURCES
from occbench.importing import LAYOUTS
from occbench.landmarks import DETECTORS
from occbench.metrics import METRICS, declared
from occbench.occluders import OCCLUDERS, create
from occbench.restoration import METHODS
from occbench.synthesis import benchmarks


def _described(kind: str, builtin: Mapping[str, str]) -> list[dict[str, Any]]:
    """Names and what their classes say of themselves, read from the files: nothing heavy is imported."""
    return [{"name": name, "about": _docstring(target)} for name, target in registry.names(kind, builtin).items()]


def _docstring(target: str) -> str:
    module, _, name = target.partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return "cannot be imported"
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return next(((ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ") for node in classes), "")


def _occluders() -> list[dict[str, Any]]:
    rows = []
    for name in registry.names("occluders", OCCLUDERS):
        occluder = create(name)
        rows.append({"name": name, "variants": dict(occluder.variants), "ranges": {k: list(v) for k, v in occluder.ranges.items()}})
    return rows


def _metrics() -> list[dict[str, Any]]:
    rows = []
    for name in registry.names("metrics", METRICS):
        metric = declared(name)
        rows.append(
            {
                "name": name,
                "about": metric.about,
                "regions": list(metric.regions),
                "higher_is_better": metric.higher_is_better,
                "default": metric.default,
                "weights": metric.weights,
                "signature": metric.signature,
            }
        )
    return rows


def _benchmarks() -> list[dict[str, Any]]:
    return [benchmarks.describe(name) for name in benchmarks.names()]


def _baselines() -> list[dict[str, Any]]:
    from occbench.training.catalogue import catalogue  # here, because it brings torch along

    return catalogue()


KINDS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "sources": lambda: _described("sources", SOURCES),
    "layouts": lambda: _described("layouts", LAYOUTS),
    "landmarks": lambda: _described("landmarks", DETECTORS),
    "occluders": _occluders,
    "baselines": _baselines,
    "methods": lambda: _described("methods", METHODS),
    "metrics": _metrics,
    "benchmarks": _benchmarks,
}


@click.command("list", short_help="What can be chosen.")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_(kind: str, as_json: bool) -> None:
    """Show the names of one KIND, with what belongs to them: of occluders the variants with their weights, and the ranges that a
    recipe may change; of metrics the direction, the regions and how exactly they are computed; of baselines the variants with the
    parameter counts of their networks, and the recipes; of benchmarks the fingerprint of each split.

    \b
    Examples:
      occbench list occluders
      occbench list sources --json
      occbench list metrics
      occbench list baselines --json

    \b
    Exit codes: 0 done; 2 no such kind.
    """
    rows = KINDS[kind]()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif not rows:
        click.echo(f"This version of occbench has no {kind} yet.")
    for row in () if as_json else rows:
        click.echo(row["name"])
        if "about" in row:
            click.echo(f"    {row['about']}")
        for variant in row.get("variants", ()) if "recipes" in row else ():
            counts = ", ".join(f"{network} {count:,}" for network, count in variant["networks"].items())
            click.echo(f"    variant   {variant['name']}: {variant['about']} ({counts})")
        for recipe in row.get("recipes", ()):
            click.echo(f"    recipe    {recipe['name']}: {recipe['about']}")
        for split, mark in row.get("fingerprints", {}).items():
            click.echo(f"    {split:<9} {mark}")
        if "signature" in row:
            click.echo(f"    {'more' if row['higher_is_better'] else 'less'} is better; {', '.join(row['regions'])}")
            click.echo(f"    {row['signature']}")
        if "ranges" in row:
            total = sum(row["variants"].values())
            click.echo("    variants  " + ", ".join(f"{v} {100 * w / total:.0f} %" for v, w in row["variants"].items()))
            click.echo("    ranges    " + (", ".join(f"{k} {a:g}..{b:g}" for k, (a, b) in row["ranges"].items()) or "none"))
