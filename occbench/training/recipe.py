"""A recipe: all that a training run depends on but the data. Typed by a dataclass, filled from YAML and the command line."""

import dataclasses
import difflib
import os
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

import yaml

from occbench import registry
from occbench.errors import UsageError
from occbench.training import BASELINES, Baseline

T = TypeVar("T")

_LARGEST = 1 << 20  # bytes of a recipe that somebody else may have written
_MOST = 10_000  # values in it; aliases multiply them
_WIDEST = 2048  # px, of what networks see


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam's learning rates (of generator and discriminator) and decays."""

    lr: float
    d_lr: float
    beta1: float
    beta2: float


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Of training pairs. Where the data are larger than `size`: a random window instead of scaling down (`crop`). Mirroring. And
    other contrast, brightness and gains of the channels (`colour`: by up to so much), for occluded and clean picture alike."""

    crop: bool = False
    flip: bool = False
    colour: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Validation:
    """On the first pairs (by hash of their ids; 0: none) of the validation split, every so many steps (0: once an epoch)."""

    pairs: int = 256
    every: int = 0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every recipe has. Baselines add fields of their own.

    Attributes:
        size: side of the images that networks see, px.
        labels: targets of an attribute head, see `pairs.labels`; `none` where the baseline has none.
        batch_size: pairs a step, over all processes.
        accumulate: parts that a batch is split into, one after the other, where memory is short.
        epochs: all of them; the last `decay_epochs` with falling learning rates.
        optimizer, augment, validation: see there.
        ema: decay of the moving average of restoring networks, which then restores; 0 for none.
        clip: largest norm of an update's gradient; 0 for no limit.
        explode: a term beyond this stops the run.
        compile: `torch.compile` for networks that are only differentiated once.
        log_every, grid_every, save_every: steps between rows of metrics.csv, sample grids (0: once an epoch) and checkpoints.
    """

    size: int
    batch_size: int
    epochs: int
    decay_epochs: int
    optimizer: Adam
    augment: Augment = Augment()
    validation: Validation = Validation()
    labels: Literal["auto", "attributes", "identity", "none"] = "none"
    accumulate: int = 1
    ema: float = 0.0
    clip: float = 0.0
    explode: float = 1e6
    compile: bool = False
    log_every: int = 20
    grid_every: int = 0
    save_every: int = 200

    def rate(self, epoch: int) -> float:
        """Factor of the learning rates in an epoch, counted from 1: constant, then linear decay that would reach 0 after the last.

        The first of the decaying epochs still has the full rate, as in OA-GAN's released code (specification 1.6); epochs beyond
        the last have that of the last.
        """
        past = min(max(0, epoch - 1 - (self.epochs - self.decay_epochs)), max(0, self.decay_epochs - 1))
        return 1 - past / max(self.decay_epochs, 1)


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe.

    Attributes:
        baseline: registry name.
        variant, recipe: names that were asked for; the file's name where a recipe is a file.
        settings: an instance of the baseline's `Settings`.
    """

    baseline: str
    variant: str
    recipe: str
    settings: Settings

    def document(self) -> dict[str, Any]:
        """Plain data, from which `restored` makes the same recipe."""
        return {
            "baseline": self.baseline,
            "variant": self.variant,
            "recipe": self.recipe,
            "settings": plain(self.settings),
        }


def plain(settings: Any) -> dict[str, Any]:
    """A dataclass as nested plain data."""
    return dataclasses.asdict(settings)


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names."""
    out: dict[str, Any] = {}
    for key, value in tree.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return out


def baseline(name: str) -> type[Baseline]:
    """The class of a baseline.

    Raises:
        UsageError: no such baseline.
    """
    return cast(type[Baseline], registry.load("baselines", BASELINES, name))


def book(kind: type[Baseline]) -> dict[str, Any]:
    """The `recipe.yaml` beside a baseline: `settings`, and by name `variants` and `recipes`, each with `about` and `set`."""
    text = resources.files(kind.__module__.rpartition(".")[0]).joinpath("recipe.yaml").read_text(encoding="utf-8")
    return cast(dict[str, Any], yaml.safe_load(text))


def resolve(name: str, *, variant: str | None = None, recipe: str | None = None, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of a run: the baseline's settings, changed by its variant, then by a recipe, then by single settings.

    Args:
        name: of the baseline.
        variant: of its `variants`; default the first.
        recipe: of its `recipes` (default the first), or a YAML file with a mapping `set` (and `variant`, if wanted).
        changes: `key=value` with dotted keys; values are YAML.

    Raises:
        UsageError: unknown names (with the right ones), or values that do not fit; names the place.
    """
    kind = baseline(name)
    pages = book(kind)
    given: dict[str, Any] = {}
    named = recipe or next(iter(pages["recipes"]))
    if named in pages["recipes"]:
        given = pages["recipes"][named]["set"]
        variant = variant or pages["recipes"][named].get("variant")
    elif Path(named).suffix in (".yaml", ".yml") or os.path.exists(named):  # noqa: PTH110 - of any text, however long
        page = _file(Path(named))
        given, variant, named = page["set"], variant or page.get("variant"), Path(named).name
    else:
        raise UsageError(_unknown(f"{name} has no recipe {named!r}", named, [*pages["recipes"], "or a YAML file"]))
    chosen = variant or next(iter(pages["variants"]))
    if chosen not in pages["variants"]:
        raise UsageError(_unknown(f"{name} has no variant {chosen!r}", chosen, list(pages["variants"])))
    tree = flat(pages["settings"])
    known = flat(plain(_filled(kind.settings_type, pages["settings"], name)))
    layers = ((f"variant {chosen}", pages["variants"][chosen]["set"]), (f"recipe {named}", given), ("--set", _pairs(changes)))
    for where, layer in layers:
        for key, value in flat(layer).items():
            if key not in known:
                raise UsageError(_unknown(f"{where}: {name} has no setting {key!r}", key, list(known)))
            tree[key] = value
    return Recipe(name, chosen, named, _checked(_filled(kind.settings_type, _nested(tree), name)))


def restored(document: Any, where: str) -> Recipe:
    """The recipe that `Recipe.document` wrote.

    Raises:
        UsageError: it is not one, or one of another version; begins with `where`.
    """
    if not isinstance(document, dict) or not all(isinstance(document.get(key), str) for key in ("baseline", "variant", "recipe")):
        raise UsageError(f"{where}: no recipe of a training run.")
    kind = baseline(document["baseline"])
    settings = _checked(_filled(kind.settings_type, document.get("settings"), where))
    return Recipe(document["baseline"], document["variant"], document["recipe"], settings)


def _file(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path}: too large for a recipe.")
        page = _loaded(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as a recipe: {str(error).splitlines()[0]}.") from None
    if not isinstance(page, dict) or not isinstance(page.get("set"), dict) or not page.keys() <= {"about", "variant", "set"}:
        raise UsageError(f"{path}: a recipe has a mapping `set` of settings and, if wanted, `variant` and `about`; nothing else.")
    if not isinstance(page.get("variant", ""), str):
        raise UsageError(f"{path}: `variant` is the name of a variant, not {page['variant']!r}.")
    return page


def _loaded(text: str) -> Any:
    """YAML that somebody else may have written.

    Raises:
        ValueError, YAMLError, RecursionError: it cannot be read, or aliases make it larger than any recipe, or endless.
    """
    page = yaml.safe_load(text)
    left, count = [page], 0
    while left:
        found, count = left.pop(), count + 1
        if count > _MOST:
            raise ValueError(f"more than {_MOST} values")
        if isinstance(found, (dict, list)):
            left += found.values() if isinstance(found, dict) else found
    return page


def _pairs(changes: Sequence[str]) -> dict[str, Any]:
    out = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set wants key=value, not {change!r}.")
        try:
            out[key.strip()] = _loaded(text)
        except (ValueError, yaml.YAMLError, RecursionError):
            raise UsageError(f"--set {change!r}: the value is not YAML.") from None
    return out


def _nested(tree: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for dotted, value in tree.items():
        *rooms, last = dotted.split(".")
        place = out
        for room in rooms:
            place = place.setdefault(room, {})
        place[last] = value
    return out


def _unknown(message: str, name: str, right: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, right, n=1)
    return f"{message}: choose from {', '.join(right)}." + (f" Did you mean {close[0]!r}?" if close else "")


def _filled(kind: type[T], tree: Any, where: str, prefix: str = "") -> T:
    """A dataclass from nested mappings, each value held against its annotation."""
    if not isinstance(tree, Mapping):
        raise UsageError(f"{where}: {prefix.rstrip('.') or 'settings'} is a mapping of settings, not {tree!r}.")
    hints, values = typing.get_type_hints(kind), {}
    fields = {field.name: field for field in dataclasses.fields(cast(Any, kind))}
    for key in tree:
        if key not in fields:
            raise UsageError(_unknown(f"{where} has no setting {f'{prefix}{key}'!r}", str(key), list(fields)))
    for name, field in fields.items():
        if name in tree:
            hint, value = hints[name], tree[name]
            inner = dataclasses.is_dataclass(hint)
            values[name] = _filled(hint, value, where, f"{prefix}{name}.") if inner else _value(hint, value, where, prefix + name)
        elif field.default is dataclasses.MISSING:
            raise UsageError(f"{where}: the setting {prefix}{name} is missing.")
    return kind(**values)


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    if get_origin(hint) is Literal:
        if not any(value == choice and type(value) is type(choice) for choice in get_args(hint)):
            choices = [str(choice) for choice in get_args(hint)]
            raise UsageError(_unknown(f"{where}: {key} cannot be {value!r}", str(value), choices))
        return value
    if hint is float and isinstance(value, str):  # YAML reads 1e-4 as text
        with suppress(ValueError):
            value = float(value)
    fits = isinstance(value, (int, float) if hint is float else hint) and isinstance(value, bool) == (hint is bool)
    if not fits or (hint in (int, float) and not 0 <= value < 2**31):
        wanted = {int: "a whole number from 0 on", float: "a number from 0 on", bool: "true or false", str: "text"}[hint]
        raise UsageError(f"{where}: {key} is {wanted}, not {value!r}.")
    return float(value) if hint is float else value


def _checked(settings: Any) -> Any:
    """What no run can do without."""
    wrong = [
        name for name in ("size", "batch_size", "accumulate", "epochs", "log_every", "save_every") if getattr(settings, name) < 1
    ]
    if wrong:
        raise UsageError(f"{wrong[0]} is at least 1, not {getattr(settings, wrong[0])}.")
    if settings.size > _WIDEST:
        raise UsageError(f"size is at most {_WIDEST} px, not {settings.size}.")
    if settings.decay_epochs > settings.epochs:
        raise UsageError(f"decay_epochs ({settings.decay_epochs}) are the last of the epochs ({settings.epochs}), so not more.")
    if settings.batch_size % settings.accumulate:
        raise UsageError(f"accumulate ({settings.accumulate}) must divide batch_size ({settings.batch_size}).")
    beta = max(settings.optimizer.beta1, settings.optimizer.beta2)
    if beta >= 1:
        raise UsageError(f"optimizer.beta1 and .beta2 are decays from 0 to below 1, not {beta}.")
    if settings.ema >= 1:
        raise UsageError(f"ema is a decay from 0 to below 1, not {settings.ema}.")
    return settings
