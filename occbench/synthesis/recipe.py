"""What to make: which occluders, how many, how large. From options or from a YAML file; resolved, so that every default is visible.

A recipe file is a mapping; every key may be left out:

    occluders:                       # or a list of names
      mask:
        weight: 3                    # with weights, each pair draws its occluder; without, every photograph gets every occluder
        variants: {surgical: 2, n95: 1}   # or a list of names; default: all, as `occbench list occluders` shows them
        ranges: {gap: [0, 2]}        # narrower or wider than the default
      sunglasses: {weight: 1}
    per_image: 4
    size: 128

The other keys are the fields of `Recipe`. The `recipe.yaml` of a data set is such a file too; its `made_from` part is ignored.
"""

import difflib
import hashlib
import json
import math
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from occbench import registry
from occbench.errors import UsageError
from occbench.landmarks import DETECTORS
from occbench.occluders import create
from occbench.seeding import generator

# Raise whenever the same recipe, seed and photographs would give other bytes: half-finished work must not be continued then.
CODE_SCHEMA = 1

MAX_FOLDER = 10_000  # files in one folder, and so also pairs of one photograph
MAX_SIZE = 2048  # px, side of an aligned crop
_FARTHEST = 1_000_000  # end of a range, whatever its unit
_MAX_RECIPE_BYTES = 1 << 20
_LIMITS = {"per_image": (1, MAX_FOLDER), "seed": (0, 2**63 - 1), "size": (16, MAX_SIZE), "limit": (1, 2**31)}
_WORDS = {"crop": ("aligned", "none"), "split": ("all", "train", "val", "test")}


@dataclass(frozen=True)
class Draw:
    """One occluder of a recipe, complete.

    Attributes:
        weight: its share among the occluders; None where every photograph gets every occluder.
        variants: variant to weight, sorted by name, only weights above 0.
        ranges: parameter to (low, high), sorted by name.
    """

    weight: float | None
    variants: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe.

    Attributes:
        source: registry name of the source.
        occluders: name to `Draw`, sorted by name.
        per_image: pairs per photograph and occluder, or per photograph where the occluders have weights.
        cycle_variants: variants follow each other by pair index instead of being drawn.
        seed: of every draw.
        size: side of the aligned crop, px; without a meaning where `crop` is `none`.
        crop: `aligned`, or `none`, which keeps the photograph as it is.
        landmarks: detectors to try, in this order; None for the source's default, which `Selection` fills in.
        split: `train`, `val`, `test` or `all`.
        limit: at most this many photographs (after the split filter), or None.
    """

    source: str
    occluders: Mapping[str, Draw]
    per_image: int = 1
    cycle_variants: bool = False
    seed: int = 0
    size: int = 128
    crop: str = "aligned"
    landmarks: tuple[str, ...] | None = None
    split: str = "all"
    limit: int | None = None

    @property
    def weighted(self) -> bool:
        """Each pair draws its occluder."""
        return any(draw.weight is not None for draw in self.occluders.values())

    @property
    def pairs_per_photograph(self) -> int:
        """How many pairs a photograph gives when nothing is rejected."""
        return self.per_image * (1 if self.weighted else len(self.occluders))

    def choices(self, image_id: str) -> Iterator[tuple[str, int]]:
        """The pairs of one photograph: occluder and index."""
        if not self.weighted:
            yield from ((name, index) for name in self.occluders for index in range(self.per_image))
            return
        weights = {name: draw.weight or 0.0 for name, draw in self.occluders.items()}
        for index in range(self.per_image):
            yield pick(weights, generator(self.seed, self.source, image_id, "recipe", index).random()), index

    def document(self) -> dict[str, Any]:
        """The recipe as plain data, the way `recipe.yaml` and the fingerprint hold it."""
        plain: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["landmarks"] = None if self.landmarks is None else list(self.landmarks)
        plain["occluders"] = {}
        for name, draw in self.occluders.items():
            settings = {"variants": dict(draw.variants), "ranges": {key: list(pair) for key, pair in draw.ranges.items()}}
            plain["occluders"][name] = settings if draw.weight is None else {"weight": draw.weight, **settings}
        return plain

    def fingerprint(self) -> str:
        """sha256 (hex) of the canonical JSON of the recipe and the code schema."""
        text = json.dumps({"code_schema": CODE_SCHEMA, **self.document()}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def pick(weights: Mapping[str, float], position: float) -> str:
    """The entry at `position` (0 to 1, 1 excluded) when the weights are laid end to end."""
    left = position * math.fsum(weights.values())
    for name, weight in weights.items():
        if left < weight:
            return name
        left -= weight
    return next(name for name in reversed(list(weights)) if weights[name] > 0)  # rounding only


def bundled() -> list[str]:
    """Names of the recipes that come with occbench."""
    folder = resources.files("occbench.manifests") / "recipes"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load(name: str) -> dict[str, Any]:
    """The document of a recipe file, or of a bundled recipe.

    Raises:
        UsageError: no such recipe, not YAML, not a mapping, or beyond the bounds.
    """
    file = Path(name)
    try:
        if not file.is_file() and name in bundled():
            data = (resources.files("occbench.manifests") / "recipes" / f"{name}.yaml").read_bytes()
        else:
            with file.open("rb") as stream:
                data = stream.read(_MAX_RECIPE_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"No recipe {name!r}: neither a readable file ({error.strerror}) nor one of the bundled recipes {', '.join(bundled())}."
        ) from None
    if len(data) > _MAX_RECIPE_BYTES:
        raise UsageError(f"{name}: larger than {_MAX_RECIPE_BYTES} bytes, so hardly a recipe.")
    try:
        document = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not a YAML file: {' '.join(str(error).split())[:300]}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"{name}: a recipe is a mapping of keys to values, this is a {type(document).__name__}.")
    document.pop("made_from", None)
    return document


def resolve(document: Mapping[str, Any], where: str) -> Recipe:
    """A complete recipe from plain data; `where` is named in errors (the file, or `options`).

    Raises:
        UsageError: an unknown key (with the closest right one), a value of the wrong kind or beyond its bounds.
    """
    _known(where, "", document, [f.name for f in fields(Recipe)])
    values: dict[str, Any] = {key: value for key, value in document.items() if value is not None}
    for key, (low, high) in _LIMITS.items():
        if key in values and not (_is_number(values[key], int) and low <= values[key] <= high):
            raise UsageError(f"{where}: {key} is a whole number from {low} to {high}, not {_show(values[key])}.")
    for key, words in _WORDS.items():
        if key in values and values[key] not in words:
            raise UsageError(f"{where}: {key} is one of {', '.join(words)}, not {_show(values[key])}.")
    if not isinstance(values.get("cycle_variants", False), bool):
        raise UsageError(f"{where}: cycle_variants is true or false, not {_show(values['cycle_variants'])}.")
    if not isinstance(values.get("source"), str):
        raise UsageError(f"{where}: source is missing: name one with --source, `occbench list sources` shows them.")
    if "landmarks" in values:
        values["landmarks"] = tuple(_names(where, "landmarks", values["landmarks"]))
        _known(where, "landmarks", values["landmarks"], registry.names("landmarks", DETECTORS))
    occluders = values.get("occluders", ["mask"])
    if not isinstance(occluders, dict):
        occluders = dict.fromkeys(_names(where, "occluders", occluders))
    if not occluders:
        raise UsageError(f"{where}: occluders is empty; `occbench list occluders` shows what there is.")
    draws = {name: _draw(where, name, settings) for name, settings in sorted(occluders.items(), key=lambda item: str(item[0]))}
    recipe = Recipe(**{**values, "occluders": draws})
    if recipe.weighted and any(draw.weight is None for draw in draws.values()):
        missing = next(name for name, draw in draws.items() if draw.weight is None)
        raise UsageError(f"{where}: occluders.{missing} has no weight while others have; give all of them one, or none.")
    if recipe.weighted:
        _positive(where, "occluders", {name: draw.weight or 0.0 for name, draw in draws.items()})
    if recipe.pairs_per_photograph > MAX_FOLDER:
        raise UsageError(f"{where}: {recipe.pairs_per_photograph} pairs per photograph; at most {MAX_FOLDER} are possible.")
    return recipe


def _draw(where: str, name: Any, settings: Any) -> Draw:
    if not isinstance(name, str):
        raise UsageError(f"{where}: occluders.{_show(name)} is not the name of an occluder.")
    occluder = create(name)
    key = f"occluders.{name}"
    settings = _mapping(where, key, {} if settings is None else settings)
    _known(where, key, settings, ["weight", "variants", "ranges"])
    variants = settings.get("variants", occluder.variants)
    if not isinstance(variants, Mapping):
        variants = dict.fromkeys(_names(where, f"{key}.variants", variants), 1.0)
    _known(where, f"{key}.variants", variants, occluder.variants)
    weights = {variant: _weight(where, f"{key}.variants.{variant}", variants[variant]) for variant in sorted(variants)}
    _positive(where, f"{key}.variants", weights)
    ranges = _mapping(where, f"{key}.ranges", settings.get("ranges", {}))
    _known(where, f"{key}.ranges", ranges, occluder.ranges)
    both = {parameter: tuple(map(float, pair)) for parameter, pair in occluder.ranges.items()}
    both |= {parameter: _range(where, f"{key}.ranges.{parameter}", pair) for parameter, pair in ranges.items()}
    weight = settings.get("weight")
    return Draw(
        None if weight is None else _weight(where, f"{key}.weight", weight),
        {variant: share for variant, share in weights.items() if share > 0},
        {parameter: (both[parameter][0], both[parameter][1]) for parameter in sorted(both)},
    )


def _known(where: str, key: str, given: Iterable[Any], right: Iterable[str]) -> None:
    right = list(right)
    for name in given:
        if name not in right:
            close = difflib.get_close_matches(str(name), right, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            place = f"{where}: unknown {f'entry in {key}' if key else 'key'} {_show(name)}"
            raise UsageError(f"{place}; there {'is' if len(right) == 1 else 'are'} {', '.join(right) or 'none'}.{hint}")


def _mapping(where: str, key: str, value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{where}: {key} is a mapping of names to values, not {_show(value)}.")
    return value


def _names(where: str, key: str, value: Any) -> list[str]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(name, str) and name for name in value):
        raise UsageError(f"{where}: {key} is a list of names, not {_show(value)}.")
    if len(set(value)) < len(value):
        raise UsageError(f"{where}: {key} names something twice: {_show(value)}.")
    return list(value)


def _weight(where: str, key: str, value: Any) -> float:
    if not (_is_number(value, float) and 0 <= value <= 1e6):
        raise UsageError(f"{where}: {key} is a weight from 0 to 1000000, not {_show(value)}.")
    return float(value)


def _positive(where: str, key: str, weights: Mapping[str, float]) -> None:
    if not any(weights.values()):
        raise UsageError(f"{where}: all weights in {key} are 0, so nothing could be drawn.")


def _range(where: str, key: str, value: Any) -> tuple[float, float]:
    pair = [value, value] if _is_number(value, float) else value
    if not isinstance(pair, list) or len(pair) != 2 or not all(_is_number(v, float) for v in pair) or pair[0] > pair[1]:
        raise UsageError(f"{where}: {key} is [low, high] or one number, not {_show(value)}.")
    if max(map(abs, pair)) > _FARTHEST:
        raise UsageError(f"{where}: {key} goes beyond ±{_FARTHEST}: {_show(value)}.")
    return float(pair[0]), float(pair[1])


def _is_number(value: Any, kind: type) -> bool:
    wanted = (int,) if kind is int else (int, float)
    return isinstance(value, wanted) and not isinstance(value, bool) and abs(value) < 2**63 and math.isfinite(value)


def _show(value: Any) -> str:
    bounded = reprlib.Repr()
    bounded.maxlevel = 2  # YAML aliases can make a structure that is small in memory and endless in print
    return bounded.repr(value)
