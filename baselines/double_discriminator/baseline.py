"""The double discriminator's losses and updates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Optimizer

from occbench.baselines.double_discriminator.networks import Generator, Output, PatchDiscriminator, VectorDiscriminator
from occbench.errors import UsageError
from occbench.training import Batch, Losses, Moment, Phase, Restoration, recipe, segmentation, windows
from occbench.training import losses as terms
from occbench.training.layers import multiple, normal
from occbench.training.staged import Staged, adams


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the generator's terms, on the whole picture and on the window. Without an adversarial term there is no discriminator."""

    adversarial_whole: float
    adversarial_window: float
    l1_whole: float
    l1_window: float
    mse_whole: float
    mse_window: float
    entropy_whole: float
    entropy_window: float
    mask_entropy: float = 1.0
    mask_l1: float = 100.0


@dataclass(frozen=True, kw_only=True)
class Settings(recipe.Settings):
    """The recipe of the double discriminator.

    Attributes:
        output: the generator draws `whole` pictures, or the `window` alone.
        window: half as wide as the picture, on the `mask`, or in the lower middle (`fixed`), as in the seed.
        detector_epochs: the first of the epochs, for the network that finds the mask. Where windows are fixed there is none, and
            this counts for nothing.
        detector_base: channels of its first layer.
        judges: discriminators give a `vector` (one probability, cross-entropy) or score each `patch` (squared error).
        base, bottleneck: widths of the generator; `base` of the discriminators, too.
        epsilon: of batch norms; the seed's 0.8 was meant for their momentum.
        entropy: colours as probabilities between [0, 1] (`intended`), or as the seed has them, as sigmoid of [-1, 1] (`as-coded`),
            which can never be 0 or 1.
        weights: of the terms.
    """

    output: Output
    window: Literal["mask", "fixed"]
    detector_epochs: int
    detector_base: int
    judges: Literal["vector", "patch"]
    base: int
    bottleneck: int
    epsilon: float
    entropy: Literal["intended", "as-coded"]
    weights: Weights


class DoubleDiscriminator(Staged):
    """`double-discriminator`: one discriminator for the picture, one for a window on the mask (seed 004, "Uncover your mask")."""

    settings_type = Settings
    track = "blind"
    stage_names = ("detector", "face")
    channels_last = False

    def __init__(self, settings: Settings, labels: int) -> None:
        self.settings: Settings = settings
        self.check_stages()
        size, weights = settings.size, settings.weights
        if size < 128 or not multiple(size, 64):
            raise UsageError(f"double-discriminator needs a size that is a multiple of 64, from 128 on, not {size}.")
        if min(settings.base, settings.bottleneck, settings.detector_base) < 1 or settings.epsilon <= 0:
            raise UsageError("base, bottleneck and detector_base are at least 1, and epsilon is more than 0.")
        if settings.window == "mask" and settings.detector_epochs < 1:
            raise UsageError("window=mask needs a detector: detector_epochs is at least 1 then.")
        of_whole = (weights.adversarial_whole, weights.l1_whole, weights.mse_whole, weights.entropy_whole)
        if settings.output == "window" and any(of_whole):
            raise UsageError("output=window draws no whole pictures: the weights of the whole (l1_whole, ...) are 0 then.")
        self.generator = Generator(settings.base, settings.bottleneck, settings.output, settings.epsilon)
        self.networks: dict[str, nn.Module] = {"generator": self.generator}
        for name, weight, side, depth in (
            ("global", weights.adversarial_whole, size, 6),
            ("local", weights.adversarial_window, size // 2, 5),
        ):
            if weight:
                vector = settings.judges == "vector"
                judge = VectorDiscriminator(side, depth, settings.base) if vector else PatchDiscriminator(settings.base)
                self.networks[name] = judge
        if settings.window == "mask":
            self.networks["detector"] = segmentation.network(settings.detector_base)
        for network in self.networks.values():
            normal(network, norms=True)

    @property
    def restoring(self) -> tuple[str, ...]:  # type: ignore[override]
        """See `Baseline.restoring`."""
        return ("detector", "generator") if "detector" in self.networks else ("generator",)

    @property
    def finding_epochs(self) -> int:
        """The detector's."""
        return self.settings.detector_epochs if self.settings.window == "mask" else 0

    def optimizers(self) -> dict[str, Optimizer]:
        """See `Baseline.optimizers`."""
        adam = self.settings.optimizer
        return adams(self.networks, adam, {"generator": adam.lr, "detector": adam.lr})

    def phases(self, moment: Moment) -> Sequence[Phase]:
        """The detector alone; later G and then its judges, as in the seed."""
        if self.finds(moment):
            return [Phase("detector", self._detector)]
        judged = {"global": self._global, "local": self._local}
        return [Phase("generator", self._generator), *(Phase(n, losses) for n, losses in judged.items() if n in self.networks)]

    def begin(self, batch: Batch, moment: Moment) -> None:
        """Run G, and place the windows, once for all phases. Where the mask is, the pair says."""
        if self.finds(moment):
            return
        made, clean = self.generator(batch.occluded * 2 - 1), batch.clean * 2 - 1
        fixed = self.settings.window == "fixed"
        corner = windows.lower_middle(len(clean), self.settings.size).to(clean.device) if fixed else windows.on_masks(batch.mask)
        patch = made if self.settings.output == "window" else windows.cut(made, corner)
        batch.memo |= {"made": made, "patch": patch, "clean": clean, "clean_patch": windows.cut(clean, corner)}

    def restore(self, occluded: Tensor, mask: Tensor | None) -> Restoration:
        """See `Baseline.restore`. Where the mask is, the detector says; a fixed window needs none, and nothing is told."""
        pictures = occluded * 2 - 1
        made = self.generator(pictures)
        told = None
        if "detector" in self.networks:
            found = self.networks["detector"](pictures)
            told = segmentation.probability(found).to(occluded.dtype)
        if self.settings.output == "window":
            if told is None:
                corner = windows.lower_middle(pictures.shape[0], self.settings.size).to(pictures.device)
            else:
                corner = windows.on_masks((found.mean(1, keepdim=True) > segmentation.THRESHOLD).float())
            made = windows.put(pictures, made.to(pictures), corner)
        return Restoration(((made + 1) / 2).to(occluded.dtype), told)

    def _detector(self, batch: Batch) -> Losses:
        weights = self.settings.weights
        return segmentation.step(self.networks["detector"], batch, weights.mask_entropy, weights.mask_l1)

    def _generator(self, batch: Batch) -> Losses:
        memo, losses = batch.memo, Losses()
        for name, where, made, clean in (
            ("global", "whole", memo["made"], memo["clean"]),
            ("local", "window", memo["patch"], memo["clean_patch"]),
        ):
            weights = {kind: getattr(self.settings.weights, f"{kind}_{where}") for kind in ("adversarial", "l1", "mse", "entropy")}
            compared: dict[str, Callable[[Tensor, Tensor], Tensor]]
            compared = {"l1": F.l1_loss, "mse": F.mse_loss, "entropy": self.entropy}
            if weights["adversarial"]:
                losses[f"adversarial_{where}"] = weights["adversarial"] * self._real(self.networks[name](made))
            losses |= {f"{kind}_{where}": weights[kind] * term(made, clean) for kind, term in compared.items() if weights[kind]}
        return losses

    def entropy(self, made: Tensor, clean: Tensor) -> Tensor:
        """Cross-entropy of colours, taken for probabilities: pictures of one shape, in [-1, 1]."""
        with torch.autocast(made.device.type, enabled=False):
            found, wanted = made.float(), (clean.float() + 1) / 2
            if self.settings.entropy == "as-coded":
                return F.binary_cross_entropy_with_logits(found, wanted)
            # Not torch's own, which breaks off at NaN before the loop can say what went wrong.
            shown, hidden = ((share / 2).clamp(min=1e-12).log() for share in (1 + found, 1 - found))
            return -(wanted * shown + (1 - wanted) * hidden).mean()

    def _global(self, batch: Batch) -> Losses:
        return self._judged("global", batch.memo["clean"], batch.memo["made"])

    def _local(self, batch: Batch) -> Losses:
        return self._judged("local", batch.memo["clean_patch"], batch.memo["patch"])

    def _judged(self, name: str, clean: Tensor, made: Tensor) -> Losses:
        network = self.networks[name]
        return {f"{name}_real": 0.5 * self._real(network(clean)), f"{name}_fake": 0.5 * self._fake(network(made.detach()))}

    def _real(self, scores: Tensor) -> Tensor:
        return terms.real(scores) if self.settings.judges == "vector" else ((scores.float() - 1) ** 2).mean()

    def _fake(self, scores: Tensor) -> Tensor:
        return terms.fake(scores) if self.settings.judges == "vector" else (scores.float() ** 2).mean()
