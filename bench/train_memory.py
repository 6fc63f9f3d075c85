"""Resident memory of a training run after 100, 300 and 1,000 steps: it should not grow.

    python bench/train_memory.py [--baseline NAME] [--steps N] [--set KEY=VALUE ...]

Trains on random pictures on the CPU, small by default, with moving averages and checkpoints as in a real run.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from occbench.pairs.natural import Natural
from occbench.pairs.paired import Pairs
from occbench.training.feed import Feed
from occbench.training.loop import Loop, Observer, Progress
from occbench.training.recipe import resolve
from occbench.training.train import build

SMALL = {
    "context-encoder": ["base=4"],
    "oa-gan": ["width=8", "blocks=3", "random_features=true", "g_every=2", "natural_every=4"],
    "two-stage": ["base=4", "mask_epochs=5"],
    "din-unmask": ["base=4", "d_base=4", "map_epochs=5", "mask_after=5", "random_features=true"],
    "double-discriminator": ["size=128", "base=4", "bottleneck=8", "detector_base=4", "detector_epochs=5"],
}


def random_pairs(count: int, size: int) -> Pairs:
    """Pairs of noise, with a box as mask."""
    draws = np.random.default_rng(0)
    photographs = draws.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    masks = np.zeros((count, size, size), np.uint8)
    masks[:, size // 3 : 2 * size // 3, size // 4 : 3 * size // 4] = 255
    occluded = np.where(masks[..., None] > 0, np.uint8(128), photographs)
    names = [f"pair-{k}" for k in range(count)]
    return Pairs("0" * 64, names, occluded, masks, photographs, np.arange(count), names, [None] * count)


def resident() -> float:
    """Resident set of this process, MB (Linux only)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--baseline", default="context-encoder")
    options.add_argument("--steps", type=int, default=1000)
    options.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = options.parse_args()
    common = ["size=64", "batch_size=4", "log_every=100", "save_every=100", "ema=0.99"]
    recipe = resolve(given.baseline, changes=[*common, *SMALL.get(given.baseline, []), *given.set])
    pairs = random_pairs(64, recipe.settings.size)
    natural = Natural(pairs.occluded, 0, "0")
    baseline = build(recipe, 0, 0)
    feed = Feed(pairs, natural, None, baseline, recipe.settings, 0, torch.device("cpu"))
    seen: dict[int, float] = {}

    def tell(progress: Progress) -> None:
        seen[progress.step] = resident()

    with tempfile.TemporaryDirectory() as folder:
        Loop(recipe, baseline, feed, None, Path(folder), {"pairs": 64, "data": "noise"} | FACTS, "32", Observer(tell=tell)).train(
            0, given.steps, 1
        )
    shown = [step for step in sorted({100, 300, given.steps}) if step in seen]
    print(f"{given.baseline}: " + ", ".join(f"{seen[step]:.0f} MB after {step} steps" for step in shown))
    print(f"ratio of the last to the first: {seen[shown[-1]] / seen[shown[0]]:.3f}")


FACTS = {"data_size": 64, "natural_images": 64, "labels": 0, "seed": 0, "precision": "32", "processes": 1}

if __name__ == "__main__":
    main()
