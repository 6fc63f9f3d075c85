"""The context encoder's losses and updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from occbench.baselines.context_encoder import holes
from occbench.baselines.context_encoder.networks import (
    Discriminator,
    Generator,
    PathakDiscriminator,
    PathakGenerator,
    initialise,
)
from occbench.errors import UsageError
from occbench.training import Baseline, Batch, Losses, Moment, Phase, Restoration, recipe
from occbench.training import losses as terms

_LEAST = 1e-12  # inside the seed's logarithms


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the terms."""

    reconstruction: float
    adversarial: float


@dataclass(frozen=True, kw_only=True)
class Settings(recipe.Settings):
    """The context encoder's recipe.

    Attributes:
        network: the seed's, or Pathak's (128 px only).
        base: channels of the first stage; the seed's has 16, Pathak's 64.
        bottleneck: of Pathak's network.
        holes: the data set's own masks, random `rectangles`, the seed's (`quadrant`), or a square in the `centre`.
        centre: side of that square, px.
        fill: what the network sees in a hole: `zero`, or the mean colour of Pathak's code (117, 104, 123 of 255).
        reconstruction: `mean` of the squared error over the hole, the seed's `sum` over it (a mean over pictures alone), or `band`:
            over Pathak's window, its visible band counting ten times.
        opposed: two optimisers with opposed objectives. The seed has one, which makes the generator help the discriminator.
        random_biases: as the seed draws them.
        weights: of the terms.
        gain: variance of initial weights, times their fan-in. With the seed's 1, signals fade from layer to layer, and the first
            hundreds of steps learn the average face only; 2 keeps them up.
    """

    network: Literal["seed", "pathak"]
    base: int
    bottleneck: int
    holes: holes.Kind
    centre: int
    fill: Literal["zero", "mean-colour"]
    reconstruction: Literal["mean", "sum", "band"]
    opposed: bool
    random_biases: bool
    weights: Weights
    gain: float = 1.0


class ContextEncoder(Baseline):
    """`context-encoder`: fill a hole from the rest of the picture (Pathak et al. 2016), with seed 003's network, bugs mended."""

    settings_type = Settings
    track = "given-mask"

    def __init__(self, settings: Settings, labels: int) -> None:
        self.settings = settings
        pathak = settings.network == "pathak"
        if pathak and settings.size != 2 * holes.WINDOW:
            raise UsageError(f"Pathak's network is made for {2 * holes.WINDOW} px, not for size={settings.size}.")
        if settings.size % 2 or settings.size < 32:
            raise UsageError(f"the context encoder needs an even size from 32 px on, not {settings.size}.")
        if min(settings.base, settings.bottleneck) < 1:
            raise UsageError("base and bottleneck are at least 1.")
        if pathak and settings.batch_size // settings.accumulate < 2:
            raise UsageError(
                "Pathak's network has batch norm over its bottleneck, which needs two pairs at a time: batch_size=2 or more."
            )
        if pathak != (settings.reconstruction == "band"):
            raise UsageError("reconstruction=band belongs to network=pathak, and to no other.")
        self.generator: Generator | PathakGenerator
        self.discriminator: Discriminator | PathakDiscriminator
        if pathak:
            self.generator = PathakGenerator(settings.bottleneck, settings.base)
            self.discriminator = PathakDiscriminator(settings.base)
        else:
            self.generator = Generator(settings.size, settings.size, settings.base)
            self.discriminator = Discriminator(settings.size, settings.size, settings.base)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        for network in self.networks.values():
            initialise(network, random_biases=settings.random_biases, gain=settings.gain)

    def optimizers(self) -> dict[str, Optimizer]:
        """See `Baseline.optimizers`."""
        adam = self.settings.optimizer
        betas = (adam.beta1, adam.beta2)
        g, d = list(self.generator.parameters()), list(self.discriminator.parameters())
        if not self.settings.opposed:
            return {"all": Adam([*g, *d], adam.lr, betas)}
        return {"discriminator": Adam(d, adam.d_lr, betas), "generator": Adam(g, adam.lr, betas)}

    def phases(self, moment: Moment) -> Sequence[Phase]:
        """D, then G; or both at once, as the seed has it."""
        if not self.settings.opposed:
            return [Phase("all", self._together)]
        phases = [Phase("discriminator", self._discriminator), Phase("generator", self._generator)]
        return phases if self.settings.weights.adversarial else phases[1:]

    def begin(self, batch: Batch, moment: Moment) -> None:
        """The hole, and what is put into it."""
        hole = self._holes(batch)
        where = holes.windows(hole)
        made = self._made(batch.clean, hole, where)
        batch.memo |= {"hole": hole, "where": where, "made": made}

    def restore(self, occluded: Tensor, mask: Tensor | None) -> Restoration:
        """See `Baseline.restore`; visible pixels stay as they are."""
        assert mask is not None
        hole = (mask > 0).to(occluded.dtype)
        where = holes.windows(hole)
        made = self._made(occluded, hole, where)
        if self.settings.network == "pathak":
            made = holes.paste(made, where, self.settings.size)
        return Restoration(torch.where(hole > 0, made.to(occluded.dtype), occluded))

    def _holes(self, batch: Batch) -> Tensor:
        count, size = len(batch.clean), self.settings.size
        if self.settings.holes == "mask":
            return (batch.mask > 0).float()
        if self.settings.holes == "centre":
            hole = holes.centre(count, size, self.settings.centre)
        else:
            hole = (holes.quadrant if self.settings.holes == "quadrant" else holes.rectangles)(count, size, batch.rng)
        return hole.to(batch.clean.device)

    def _made(self, images: Tensor, hole: Tensor, where: Tensor) -> Tensor:
        """What the network makes of pictures with holes: pictures, or Pathak's windows."""
        fill = images.new_tensor([0.0, 0.0, 0.0] if self.settings.fill == "zero" else [117 / 255, 104 / 255, 123 / 255])
        return cast(Tensor, self.generator(images * (1 - hole) + fill.view(1, 3, 1, 1) * hole))

    def _real(self, batch: Batch) -> Tensor:
        """What D should hold for real: whole pictures, or Pathak's windows."""
        return holes.cut(batch.clean, batch.memo["where"]) if self.settings.network == "pathak" else batch.clean

    def _fake(self, batch: Batch) -> Tensor:
        """What D should see through. The seed shows it all of G's output, though nobody tells G what belongs around the hole."""
        hole, made = batch.memo["hole"], batch.memo["made"]
        if self.settings.network == "pathak" or not self.settings.opposed:
            return cast(Tensor, made)
        return cast(Tensor, batch.clean * (1 - hole) + made * hole)

    def _discriminator(self, batch: Batch) -> Losses:
        real = self.discriminator(self._real(batch))
        fake = self.discriminator(self._fake(batch).detach())
        weight = self.settings.weights.adversarial
        return {name: weight * term for name, term in terms.judged("d", real, fake).items()}

    def _generator(self, batch: Batch) -> Losses:
        weights = self.settings.weights
        losses = {"reconstruction": weights.reconstruction * self._reconstruction(batch)}
        if weights.adversarial:
            losses["adversarial"] = weights.adversarial * terms.real(self.discriminator(self._fake(batch)))
        return losses

    def _together(self, batch: Batch) -> Losses:
        """The seed's sum for one optimiser: D's loss pulls G towards what D recognises."""
        weights = self.settings.weights
        real, fake = (torch.sigmoid(self.discriminator(seen).float()) for seen in (self._real(batch), self._fake(batch)))
        adversarial = -(torch.log(real + _LEAST) + torch.log(1 - fake + _LEAST)).mean()
        return {
            "reconstruction": weights.reconstruction * self._reconstruction(batch),
            "adversarial": weights.adversarial * adversarial,
        }

    def _reconstruction(self, batch: Batch) -> Tensor:
        hole, made = batch.memo["hole"], batch.memo["made"].float()
        clean = self._real(batch)
        inside = holes.cut(hole, batch.memo["where"]) if self.settings.network == "pathak" else hole
        error, mean = squared_error(made, clean, inside)
        batch.reports |= {"seed_error": error.detach(), "mse_hole": mean.detach()}
        if self.settings.reconstruction == "sum":
            return error
        return band_error(made, clean) if self.settings.reconstruction == "band" else mean


def squared_error(made: Tensor, clean: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
    """Two scalings of the squared error inside holes.

    Args:
        made, clean: (B, 3, S, S) in [0, 1].
        hole: (B, 1, S, S), 1 = hole.

    Returns:
        The seed's error, a sum over positions and channels and a mean over pictures (its README calls it MSE); and the mean over
        all positions and channels inside the holes of the batch. Both 0 without a hole.
    """
    total = (hole * (made - clean) ** 2).sum()
    return total / len(made), total / (hole.sum() * made.shape[1]).clamp(min=1)


def band_error(made: Tensor, clean: Tensor) -> Tensor:
    """Pathak's mean squared error over windows (B, 3, 64, 64), in which the visible band at the border counts ten times."""
    weight = torch.full_like(clean[:1, :1], 10.0)
    weight[..., holes.BAND : -holes.BAND, holes.BAND : -holes.BAND] = 1.0
    return (weight * (made - clean) ** 2).mean()
