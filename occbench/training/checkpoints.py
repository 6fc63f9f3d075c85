"""Checkpoints: one safetensors file with everything that a run needs to go on, or with what a user needs to restore.

Arrays are named `networks.<name>.<key>`, `averages.<name>.<key>` (moving averages) and `optimizers.<name>.<number>.<key>`; all
else is JSON in the header. Nothing is ever unpickled. There is no state of random generators or samplers to keep: every draw is
keyed by seed and step. Nor of a gradient scaler: bfloat16 needs none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from occbench import __version__
from occbench.atomic import replacing, writing
from occbench.errors import InputError, UsageError
from occbench.training.recipe import Recipe, restored

LAST, BEST = "last.safetensors", "best.safetensors"

_FORMAT = 1
_KEY = "occbench"

# Facts that code relies on, where they are there.
_KINDS = {"validation": dict, "best": dict, "epoch_sums": dict, "averaged": dict, "notices": list}
_MOST = {"labels": 1 << 20, "threads": 4096}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that has been read and looked through, but not yet fitted to networks.

    Attributes:
        path: of the file.
        recipe: of the run.
        facts: what else its header says: `step`, `labels` (how many), `seed`, `data`, ...
        arrays: all of them, by name, on the CPU.
    """

    path: Path
    recipe: Recipe
    facts: dict[str, Any]
    arrays: dict[str, Tensor]

    def load_networks(self, networks: Mapping[str, nn.Module], room: str = "networks") -> None:
        """Fill networks, in place. Those on the meta device get their memory here, on the CPU, once it is known that the file fits.

        Raises:
            InputError: missing, surplus or wrongly shaped arrays, or values that are not finite.
        """
        for name, network in networks.items():
            state = network.state_dict()
            found = self._room(f"{room}.{name}.")
            self._fits(f"{room}.{name}", state, found)
            if any(value.is_meta for value in state.values()):
                state = {key: torch.empty_like(value, device="cpu") for key, value in state.items()}
                network.load_state_dict(state, assign=True)
            with torch.no_grad():
                for key, value in state.items():
                    value.copy_(found[key])

    def load_optimizers(self, optimizers: Mapping[str, Optimizer]) -> None:
        """Fill optimisers, in place; raises as `load_networks`."""
        for name, optimizer in optimizers.items():
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            for number, parameter in enumerate(parameters):
                found = self._room(f"optimizers.{name}.{number}.")
                wanted = {"step": torch.zeros(()), "exp_avg": parameter, "exp_avg_sq": parameter} if found else {}
                self._fits(f"optimizers.{name}.{number}", wanted, found)
                for key, value in found.items():
                    # Laid out as the parameter is; the count of steps stays on the CPU, where Adam keeps it.
                    optimizer.state[parameter][key] = value.clone() if key == "step" else torch.empty_like(parameter).copy_(value)

    def count(self, fact: str) -> int:
        """A whole number from 0 on among the facts.

        Raises:
            InputError: there is none of that name.
        """
        value = self.facts.get(fact)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InputError(f"{self.path}: damaged, for its header does not say {fact}.")
        return value

    def _room(self, prefix: str) -> dict[str, Tensor]:
        return {key.removeprefix(prefix): value for key, value in self.arrays.items() if key.startswith(prefix)}

    def _fits(self, what: str, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
        have, want = ({key: _told(value) for key, value in arrays.items()} for arrays in (found, wanted))
        if have != want:
            wrong = sorted(key for key in have.keys() | want.keys() if have.get(key) != want.get(key))
            raise InputError(
                f"{self.path} does not fit the networks of its recipe: {len(wrong)} arrays of {what} differ, {wrong[0]} for one "
                f"({have.get(wrong[0], 'missing')} instead of {want.get(wrong[0], 'none')})."
            )
        if spoilt := [key for key, value in found.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())]:
            raise InputError(f"{self.path} is damaged: {what}.{spoilt[0]} holds values that are not finite.")


def _told(array: Tensor) -> str:
    """Shape, and type where it is not the usual one."""
    return f"{tuple(array.shape)}" + ("" if array.dtype == torch.float32 else f" of {str(array.dtype).removeprefix('torch.')}")


def save(
    path: Path,
    recipe: Recipe,
    facts: Mapping[str, Any],
    networks: Mapping[str, nn.Module],
    averages: Mapping[str, nn.Module] | None = None,
    optimizers: Mapping[str, Optimizer] | None = None,
) -> None:
    """Write a checkpoint: whole, or not at all.

    Args:
        path: of the file; what was there is replaced.
        recipe: of the run.
        facts: plain JSON data.
        networks: what is trained, or what restores.
        averages: moving averages of restoring networks.
        optimizers: with their state; `Adam` alone is known.

    Raises:
        RunError: the disk is full, or the like; what was there still is.
    """
    arrays: dict[str, Tensor] = {}
    for room, modules in (("networks", networks), ("averages", averages or {})):
        for name, network in modules.items():
            arrays |= {f"{room}.{name}.{key}": value for key, value in network.state_dict().items()}
    for name, optimizer in (optimizers or {}).items():
        for number, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
            arrays |= {f"optimizers.{name}.{number}.{key}": value for key, value in optimizer.state[parameter].items()}
    header = {"format": _FORMAT, "version": __version__, "recipe": recipe.document(), "facts": dict(facts)}
    plain = {key: value.detach().to("cpu").contiguous() for key, value in arrays.items()}
    with replacing(path) as temporary, writing(path):
        save_file(plain, temporary, {_KEY: json.dumps(header)})


def load(path: Path) -> Checkpoint:
    """Read a checkpoint that anybody may have made.

    Raises:
        InputError: no such file, no safetensors (pickles are never read), or no checkpoint of occbench; says what to do.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint.")
    try:
        with safe_open(path, framework="pt") as file:
            said = (file.metadata() or {}).get(_KEY)
            arrays = {key: file.get_tensor(key) for key in file.keys()} if said else {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path} is no safetensors file, or a damaged one ({error}). occbench reads its own checkpoints only, never "
            "pickles (.pt, .pth, .ckpt)."
        ) from None
    if said is None:
        raise InputError(f"{path} holds arrays, but is no checkpoint of occbench: choose one that `occbench train-baseline` wrote.")
    try:
        header = json.loads(said)
        if header["format"] != _FORMAT:
            raise InputError(f"{path}: checkpoint format {header['format']!r}; this occbench reads {_FORMAT}.")
        document, facts = header["recipe"], dict(header["facts"])
        fit = all(isinstance(facts.get(name, kind()), kind) for name, kind in _KINDS.items())
        fit = fit and all(type(count) is int and 0 <= count < 1 << 31 for count in facts.get("averaged", {}).values())
        fit = fit and all(
            isinstance(value, (int, float)) for name in ("validation", "best") for value in facts.get(name, {}).values()
        )
        fit = fit and 0 < facts.get("best", {}).get("step", 1) < 1 << 31
        if not fit or any(isinstance(facts.get(name), int) and facts[name] > most for name, most in _MOST.items()):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path}: damaged, for its header cannot be read.") from None
    try:
        recipe = restored(document, "its recipe")
    except UsageError as error:
        raise InputError(
            f"{path} was made by another version of occbench, or for a baseline that is not installed here: {error}"
        ) from None
    return Checkpoint(path, recipe, facts, arrays)


def find(run: Path) -> Path:
    """The checkpoint to restore with: the file itself, or a run's best, or else its last.

    Raises:
        InputError: there is none.
    """
    if run.is_file():
        return run
    for name in (BEST, LAST):
        if (run / name).is_file():
            return run / name
    raise InputError(f"{run}: no trained run there ({BEST} or {LAST} was looked for).")
