"""OA-GAN steps per second: a plain transcription of the released order of updates, and occbench's loop, alternating in one run.

    python bench/train_speed.py [--size PX] [--batch N] [--steps N] [--repeats R] [--width N] [--device cpu|cuda] [...]

The transcription runs the generator with gradients in every step of the discriminator, updates that twice (critic, then penalty,
two backward passes) and runs the generator again for its own step, in float32 and torch's own memory layout, as Cai et al.
released it. Networks, first weights, losses, pictures and batch size are the same. Every fifth step trains the generator, every
tenth batch is natural; steps come in tens, the first ten of each uncounted.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import Adam
from train_memory import FACTS, random_pairs

from occbench.baselines.oa_gan.baseline import OAGAN
from occbench.pairs.labels import Labels
from occbench.pairs.natural import Natural
from occbench.training import losses
from occbench.training.feed import Feed
from occbench.training.loop import Loop, Observer
from occbench.training.penalties import wgan_gp
from occbench.training.recipe import Recipe, resolve
from occbench.training.train import build, place

ATTRIBUTES = 7
TENS = 10


class Transcription:
    """The released order of updates, in plain torch."""

    def __init__(self, recipe: Recipe, feed: Feed) -> None:
        built = build(recipe, ATTRIBUTES, 0)
        assert isinstance(built, OAGAN)
        for network in built.networks.values():
            laid_out: Any = network
            laid_out.to(feed.device, memory_format=torch.contiguous_format)
        self.g, self.d, self.features = built.generator, built.discriminator, built.helpers["features"].to(feed.device)
        adam, self.weights = recipe.settings.optimizer, recipe.settings.weights  # type: ignore[attr-defined]
        self.g_adam = Adam(self.g.parameters(), adam.lr, (adam.beta1, adam.beta2))
        self.d_adam = Adam(self.d.parameters(), adam.lr, (adam.beta1, adam.beta2))
        self.feed = feed

    def train(self, first: int, last: int) -> None:
        """Train these steps."""
        for moment, (batch,) in self.feed.batches(first, last):
            clean = (batch.clean * 2 - 1).contiguous()
            x = ((batch.occluded if batch.natural is None else batch.natural) * 2 - 1).contiguous()
            assert batch.labels is not None
            seen = self.g.see(x)
            final = seen.composed(x)
            scores, found = self.d(clean)
            loss = -scores.mean() + self.weights.attribute * losses.attribute(found.flatten(1), batch.labels)
            loss = loss + self.d(final.detach())[0].mean()
            self.d_adam.zero_grad()
            loss.backward()
            self.d_adam.step()
            penalty = self.weights.penalty * wgan_gp(lambda images: self.d(images)[0], clean, final, batch.rng)
            self.d_adam.zero_grad()
            penalty.backward()
            self.d_adam.step()
            if moment.iteration % 5 == 0:
                self._generator(x, clean, batch.labels, natural=batch.natural is not None)

    def _generator(self, x: torch.Tensor, clean: torch.Tensor, labels: torch.Tensor, *, natural: bool) -> None:
        w = self.weights
        seen = self.g.see(x)
        final, visible = seen.composed(x), seen.visible
        scores, found = self.d(final)
        loss = -w.adversarial * scores.mean() + w.mask_size * losses.mask_size(visible)
        loss = loss + w.mask_smooth * losses.total_variation(visible) + w.image_smooth * losses.total_variation(final)
        loss = loss + w.attribute * losses.attribute(found.flatten(1), labels)
        if not natural:
            loss = loss + w.visible * losses.masked_l1(seen.synthesis, clean, visible)
            loss = loss + w.hole * losses.masked_l1(seen.synthesis, clean, 1 - visible)
            wanted = self.features(clean)
            for made in (seen.synthesis, final):
                taps = self.features(made)
                loss = loss + w.perceptual * losses.perceptual(taps, wanted) + w.style * losses.style(taps, wanted)
        self.g_adam.zero_grad()
        loss.backward()
        self.g_adam.step()


class Ours:
    """occbench's loop, in pieces of ten steps, without checkpoints."""

    def __init__(self, recipe: Recipe, feed: Feed, folder: Path, precision: str) -> None:
        baseline = feed.baseline
        place([*baseline.networks.values(), *baseline.helpers.values()], feed.device)
        facts = {"pairs": 64, "data": "noise"} | FACTS
        self.loop = Loop(recipe, baseline, feed, None, folder, facts, precision, Observer())

    def train(self, first: int, last: int) -> None:
        """Train these steps."""
        self.loop.train(first - 1, last, 1)


def wait() -> None:
    """Until the GPU has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=128)
    options.add_argument("--batch", type=int, default=4)
    options.add_argument("--steps", type=int, default=TENS, help="of each, a repeat; a multiple of 10 (default: %(default)s)")
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--width", type=int, default=64, help="channels of the first layers (default: %(default)s, as published)")
    options.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options.add_argument("--precision", default="32", choices=["32", "bf16"], help="of occbench's loop")
    options.add_argument("--compile", action="store_true", help="torch.compile in occbench's loop")
    given = options.parse_args()
    never = 10**6
    changes = [
        f"size={given.size}",
        f"batch_size={given.batch}",
        f"width={given.width}",
        "random_features=true",
        "labels=attributes",
    ]
    changes += [f"log_every={never}", f"save_every={never}", f"compile={str(given.compile).lower()}"]
    recipe = resolve("oa-gan", changes=changes)
    pairs = random_pairs(given.batch * given.steps * (given.repeats + 1), given.size)  # one epoch
    natural = Natural(pairs.occluded, 0, "0")
    targets = Labels(ATTRIBUTES, np.random.default_rng(0).integers(0, 2, (len(pairs), ATTRIBUTES)).astype(np.float32))
    device = torch.device(given.device)
    feed = Feed(pairs, natural, targets, build(recipe, ATTRIBUTES, 0), recipe.settings, 0, device)
    with tempfile.TemporaryDirectory() as folder:
        runs = {"transcription": Transcription(recipe, feed), "occbench": Ours(recipe, feed, Path(folder), given.precision)}
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for repeat in range(given.repeats + 1):
            for name, run in runs.items():
                first = repeat * given.steps + 1
                wait()
                begun = time.perf_counter()
                run.train(first, first + given.steps - 1)
                wait()
                taken[name].append(time.perf_counter() - begun)
    rates = {name: [given.steps / seconds for seconds in found[1:]] for name, found in taken.items()}
    ratios = [mine / theirs for mine, theirs in zip(rates["occbench"], rates["transcription"], strict=True)]
    print(
        f"OA-GAN, {given.size} px, width {given.width}, batch {given.batch}, {given.device}, {given.precision}"
        f"{', compiled' if given.compile else ''}"
    )
    for name, found in rates.items():
        print(f"{name:14} {statistics.median(found):8.3f} steps/s   ({', '.join(f'{rate:.3f}' for rate in found)})")
    print(f"ratio {statistics.median(ratios):.2f}   ({', '.join(f'{ratio:.2f}' for ratio in ratios)})")


if __name__ == "__main__":
    main()
