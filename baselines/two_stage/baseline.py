"""Two-stage un-masking's losses and updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from occbench.baselines.two_stage.networks import DEPTH, FaceDiscriminator, face_generator, noisy
from occbench.errors import UsageError
from occbench.training import Batch, Losses, Moment, Phase, Restoration, recipe, segmentation
from occbench.training import losses as terms
from occbench.training.layers import multiple, normal
from occbench.training.staged import Staged, adams


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the terms; `mask_*` in the first stage, the others in the second."""

    mask_entropy: float
    mask_l1: float
    ssim: float
    l1: float
    adversarial: float


@dataclass(frozen=True, kw_only=True)
class Settings(recipe.Settings):
    """The recipe of two-stage un-masking.

    Attributes:
        mask_epochs: the first of the epochs, for Mask G; the others are for Face G and Face D.
        base: channels of each network's first layer.
        negatives: Mask G also sees each batch's clean pictures, on which there is nothing to find.
        statistics: of norms in evaluation: `running` means, or the `picture`'s own. The seed takes those of the batch, so that what
            comes out for a picture depends on its neighbours; of a batch of one, that is the picture's own.
        noise: drawn for each `picture`, or once for the `batch`.
        similarity: the face loss has 1 - SSIM (`loss`), or SSIM with the sign and the span of values of the seed's code
            (`as-coded`), which rewards unlike pictures.
        signed_targets: as `segmentation.losses`.
        weights: of the terms.
    """

    mask_epochs: int
    base: int
    negatives: bool
    statistics: Literal["running", "picture"]
    noise: Literal["picture", "batch"]
    similarity: Literal["loss", "as-coded"]
    signed_targets: bool
    weights: Weights


class TwoStage(Staged):
    """`two-stage`: find the mask, put noise in its place, and draw the face anew (seed 001, after Din et al. 2020)."""

    settings_type = Settings
    track = "blind"
    stage_names = ("mask", "face")
    restoring = ("mask", "generator")
    channels_last = False

    def __init__(self, settings: Settings, labels: int) -> None:
        self.settings: Settings = settings
        self.check_stages()
        if not multiple(settings.size, 2**DEPTH):
            raise UsageError(f"two-stage needs a size that is a multiple of {2**DEPTH} (64, 128, ...), not {settings.size}.")
        if settings.base < 1:
            raise UsageError("base is at least 1.")
        running = settings.statistics == "running"
        self.mask = segmentation.network(settings.base, running=running)
        self.generator = face_generator(settings.base, running=running)
        self.discriminator = FaceDiscriminator(settings.base, running=running)
        self.networks = {"mask": self.mask, "generator": self.generator, "discriminator": self.discriminator}
        for network in self.networks.values():
            normal(network)

    @cached_property
    def _still(self) -> Tensor:
        """One noise for all pictures that are restored: nothing else may come in but the picture."""
        return _noise(1, self.settings.size, torch.Generator().manual_seed(0))

    @property
    def finding_epochs(self) -> int:
        """Mask G's."""
        return self.settings.mask_epochs

    def optimizers(self) -> dict[str, Optimizer]:
        """See `Baseline.optimizers`."""
        adam = self.settings.optimizer
        return adams(self.networks, adam, {"mask": adam.lr, "generator": adam.lr})

    def phases(self, moment: Moment) -> Sequence[Phase]:
        """Mask G alone; later Face D and Face G, and Mask G as it is."""
        if self.finds(moment):
            return [Phase("mask", self._mask)]
        return [Phase("discriminator", self._discriminator), Phase("generator", self._generator)]

    def begin(self, batch: Batch, moment: Moment) -> None:
        """Find the mask, fill it with noise, and run Face G, once for both phases."""
        if self.finds(moment):
            return
        pictures = batch.occluded * 2 - 1
        found = segmentation.look(self.mask, pictures, frozen=self.settings.statistics == "running")
        noise = _noise(len(pictures) if self.settings.noise == "picture" else 1, self.settings.size, batch.rng)
        seen = noisy(pictures, found, noise.to(pictures), segmentation.THRESHOLD)
        batch.memo |= {"seen": seen, "made": self.generator(seen)}

    def restore(self, occluded: Tensor, mask: Tensor | None) -> Restoration:
        """See `Baseline.restore`; Face G's picture whole, not put into the photograph. Feature: `noisy`, what it saw, in [0, 1]."""
        pictures = occluded * 2 - 1
        found = self.mask(pictures)
        seen = noisy(pictures, found.to(pictures), self._still.to(pictures), segmentation.THRESHOLD)
        made = self.generator(seen)
        return Restoration(
            ((made + 1) / 2).to(occluded.dtype),
            segmentation.probability(found).to(occluded.dtype),
            {"noisy": (seen + 1) / 2},
        )

    def _mask(self, batch: Batch) -> Losses:
        weights, negatives = self.settings.weights, self.settings.negatives
        return segmentation.step(
            self.mask, batch, weights.mask_entropy, weights.mask_l1, negatives=negatives, signed=self.settings.signed_targets
        )

    def _discriminator(self, batch: Batch) -> Losses:
        seen = batch.memo["seen"]
        real = self.discriminator.judge(seen, batch.clean * 2 - 1)
        fake = self.discriminator.judge(seen, batch.memo["made"].detach())
        return terms.judged("d", real, fake)

    def _generator(self, batch: Batch) -> Losses:
        weights, made, clean = self.settings.weights, batch.memo["made"], batch.clean * 2 - 1
        losses = self.compared(made, clean)
        if weights.adversarial:
            losses["adversarial"] = weights.adversarial * terms.real(self.discriminator.judge(batch.memo["seen"], made))
        return losses

    def compared(self, made: Tensor, clean: Tensor) -> Losses:
        """What Face G's pictures lack, (B, 3, S, S) in [-1, 1] both."""
        weights = self.settings.weights
        # The seed's loss is a vector, one a picture, whose gradients add up; a mean differs by a factor that Adam does not see.
        meant = self.settings.similarity == "loss"
        similar = terms.ssim(made, clean, 2.0 if meant else 1.0)
        return {
            "ssim": weights.ssim * (1 - similar if meant else similar),
            "l1": weights.l1 * (made - clean).abs().mean(),
        }


def _noise(count: int, size: int, rng: torch.Generator) -> Tensor:
    """(count, 3, size, size) uniform in [-1, 1)."""
    return torch.rand((count, 3, size, size), generator=rng) * 2 - 1
