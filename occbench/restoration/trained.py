"""A trained run as a method of restoration."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from occbench.digest import file_sha256
from occbench.errors import InputError, UsageError
from occbench.restoration import Examples, Image, Restored, Track

if TYPE_CHECKING:  # torch is imported when networks are opened
    from occbench.training import Baseline
    from occbench.training.recipe import Recipe

BATCH = 8  # photographs that networks see at a time, always: on a CPU no digit depends on how many there are


@dataclass(frozen=True)
class Trained:
    """Networks of a checkpoint. It can be pickled: other processes open the file for themselves.

    Attributes:
        path: of the checkpoint.
        sha256: of its file.
        device: `cpu` or `cuda`.
        features: give intermediate results, too.
        name: of the baseline, its variant and its recipe.
        track: of the baseline.
        size: of its networks, px; images of other sizes are scaled on the way in and out.
        signature: as of every method.
        notices: what everybody who reads of a result must know.
    """

    path: Path
    sha256: str
    device: str
    features: bool
    name: str
    track: Track
    size: int
    signature: str
    notices: tuple[str, ...]

    @classmethod
    def open(cls, run: Path, device: str = "auto", features: bool = False) -> Self:
        """The best checkpoint of a run (its last, where there is no best), or the checkpoint itself.

        Raises:
            InputError: no such run, or no usable checkpoint.
        """
        from occbench.training.share import pick

        where = pick(device).type
        loaded = opened(run, where)
        recipe = loaded.recipe
        # A recipe may have made the networks smaller: a leaderboard must not pass them for the variant's.
        name = f"{recipe.baseline} {recipe.variant}" + ("" if recipe.recipe == "default" else f" ({recipe.recipe})")
        facts = f"variant:{recipe.variant}|weights:{loaded.sha256[:16]}|step:{loaded.step}|size:{recipe.settings.size}"
        return cls(
            path=loaded.path,
            sha256=loaded.sha256,
            device=where,
            features=features,
            name=name,
            track=loaded.baseline.track,
            size=recipe.settings.size,
            # The device stands in it only where it is not the one on which results are the same everywhere.
            signature=f"{recipe.baseline}|{facts}|{'' if where == 'cpu' else f'device:{where}|'}v1",
            notices=loaded.notices,
        )

    def prepare(self, examples: Examples) -> Self:
        """Nothing to learn any more."""
        return self

    def restore(self, occluded: Image, mask: Image | None) -> Restored:
        """See `Restorer.restore`. On a CPU it runs on one thread, in batches that are filled up: processes share the work."""
        import torch

        from occbench.metrics.networks import one_thread
        from occbench.training.inference import infer

        loaded, count = _loaded(self.path, self.sha256, self.device), len(occluded)
        parts = []
        with one_thread():
            for first in range(0, count, BATCH):
                rows = np.minimum(np.arange(first, first + BATCH), count - 1)
                seen = None if mask is None else mask[rows]
                parts.append(infer(loaded.baseline, occluded[rows], seen, self.size, torch.device(self.device)))
        told = None if parts[0].masks is None else np.concatenate([p.masks for p in parts if p.masks is not None])[:count]
        names = parts[0].features if self.features else ()
        return Restored(
            np.concatenate([p.images for p in parts])[:count],
            told,
            {name: np.concatenate([p.features[name] for p in parts])[:count] for name in names},
        )


def opened(run: Path, device: str = "cpu") -> "Loaded":
    """The networks of a run (its best checkpoint, or else its last) or of a checkpoint, ready to restore.

    Raises:
        InputError: no such run, or no usable checkpoint.
    """
    from occbench.training.checkpoints import find

    path = find(run).resolve()
    return _loaded(path, file_sha256(path), device)


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a checkpoint holds.

    Attributes:
        path, sha256: of its file.
        baseline: with the networks that restore, in evaluation mode; those that only train have no values.
        recipe: of the run.
        step: how many were trained.
        notices: what everybody who reads of a result must know.
    """

    path: Path
    sha256: str
    baseline: "Baseline"
    recipe: "Recipe"
    step: int
    notices: tuple[str, ...]


@cache
def _loaded(path: Path, sha256: str, device: str) -> Loaded:
    """A checkpoint's networks, ready to restore; once a process."""
    import torch

    from occbench.training import checkpoints
    from occbench.training.train import build, place

    checkpoint = checkpoints.load(path)
    try:
        with torch.device("meta"):  # a recipe may claim networks of any size; memory is for those alone that the file holds
            baseline = build(checkpoint.recipe, checkpoint.count("labels"), 0)
    except (UsageError, RuntimeError) as error:
        raise InputError(f"{path} does not fit the networks of its recipe, which cannot be built: {error}") from None
    networks = {name: baseline.networks[name] for name in baseline.restoring}
    averaged = any(key.startswith("averages.") for key in checkpoint.arrays)
    checkpoint.load_networks(networks, "averages" if averaged else "networks")
    for name, network in networks.items():
        if any(value.is_meta for value in (*network.parameters(), *network.buffers())):
            raise InputError(
                f"{path}: {name} keeps values outside its state (a buffer that is not persistent): it cannot be opened."
            )
        network.eval().requires_grad_(False)
    place(networks.values(), torch.device(device))
    notices = tuple(str(notice) for notice in checkpoint.facts.get("notices", ()))
    stage = checkpoint.facts.get("stage", "")
    if stage in list(baseline.stages)[:-1]:
        notices += (f"Of this run, only its stage {stage} has been trained: it tells masks, and restores nothing yet.",)
    return Loaded(path, sha256, baseline, checkpoint.recipe, checkpoint.count("step"), notices)
