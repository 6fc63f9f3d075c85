"""The double discriminator's losses and updates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Adam, Optimizer

from occbench.baselines.double_discriminator.networks import Generator, Output, PatchDiscriminator, VectorDiscriminator
from occbench.errors import UsageError
from occbench.training import Baseline, Batch, Losses, Moment, Phase, Restoration, recipe, segmentation, windows
from occbench.training import losses as terms
from occbench.training.layers import bounded, multiple, normal


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
        detector_epochs: the first of the epochs, for the network that finds the mask; where windows are fixed, there is none.
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


class DoubleDiscriminator(Baseline):
    """`double-discriminator`: one discriminator for the picture, one for a window on the mask (seed 004, "Uncover your mask")."""

    settings_type = Settings
    track = "blind"
    channels_last = False

    def __init__(self, settings: Settings, labels: int) -> None:
        self.settings = settings
        size, weights = settings.size, settings.weights
        if size < 128 or not multiple(size, 64):
            raise UsageError(f"double-discriminator needs a size that is a multiple of 64, from 128 on, not {size}.")
        if min(settings.base, settings.bottleneck, settings.detector_base) < 1 or settings.epsilon <= 0:
            raise UsageError("base, bottleneck and detector_base are at least 1, and epsilon is more than 0.")
        if settings.detector_epochs > settings.epochs or (settings.window == "fixed") != (settings.detector_epochs == 0):
            raise UsageError(
                "detector_epochs are the first of the epochs where window=mask, so from 1 on and not more than those; with "
                "window=fixed there is no detector, and detector_epochs is 0."
            )
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
    def stages(self) -> Mapping[str, int]:
        """See `Baseline.stages`."""
        if not self.settings.detector_epochs:
            return {}
        return {"detector": self.settings.detector_epochs, "face": self.settings.epochs}

    def judge(self, moment: Moment) -> str:
        """Overlap while the detector learns."""
        return "iou" if self._finding(moment) else super().judge(moment)

    def optimizers(self) -> dict[str, Optimizer]:
        """See `Baseline.optimizers`."""
        adam = self.settings.optimizer
        rates = {"generator": adam.lr, "detector": adam.lr}
        return {
            name: bounded(Adam(network.parameters(), rates.get(name, adam.d_lr), (adam.beta1, adam.beta2)), network)
            for name, network in self.networks.items()
        }

    def phases(self, moment: Moment) -> Sequence[Phase]:
        """The detector alone; later G and then its judges, as in the seed."""
        if self._finding(moment):
            return [Phase("detector", self._detector)]
        judged = {"global": self._global, "local": self._local}
        return [Phase("generator", self._generator), *(Phase(n, losses) for n, losses in judged.items() if n in self.networks)]

    def begin(self, batch: Batch, moment: Moment) -> None:
        """Run G, and place the windows, once for all phases. Where the mask is, the pair says."""
        if self._finding(moment):
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
        corner = windows.lower_middle(len(pictures), self.settings.size).to(pictures.device)
        if "detector" in self.networks:
            found = self.networks["detector"](pictures)
            told = segmentation.probability(found).to(occluded.dtype)
            corner = windows.on_masks((found.mean(1, keepdim=True) > segmentation.THRESHOLD).float())
        if self.settings.output == "window":
            made = windows.put(pictures, made.to(pictures), corner)
        return Restoration(((made + 1) / 2).to(occluded.dtype), told)

    def _finding(self, moment: Moment) -> bool:
        return moment.epoch <= self.settings.detector_epochs

    def _detector(self, batch: Batch) -> Losses:
        pictures, wanted = segmentation.examples(batch, negatives=True)
        weights = self.settings.weights
        found = self.networks["detector"](pictures)
        return segmentation.losses(found, wanted, cross_entropy=weights.mask_entropy, l1=weights.mask_l1)

    def _generator(self, batch: Batch) -> Losses:
        weights, memo = self.settings.weights, batch.memo
        losses: Losses = {}
        for name, where, made, clean in (
            ("global", "whole", memo["made"], memo["clean"]),
            ("local", "window", memo["patch"], memo["clean_patch"]),
        ):
            if name in self.networks:
                losses[f"adversarial_{where}"] = self._real(self.networks[name](made))
            if made.shape == clean.shape:
                losses[f"l1_{where}"] = F.l1_loss(made, clean)
                losses[f"mse_{where}"] = F.mse_loss(made, clean)
                losses[f"entropy_{where}"] = self._entropy(made, clean)
        return {name: getattr(weights, name) * term for name, term in losses.items() if getattr(weights, name)}

    def _entropy(self, made: Tensor, clean: Tensor) -> Tensor:
        """Cross-entropy of colours, taken for probabilities."""
        with torch.autocast(made.device.type, enabled=False):
            found, wanted = made.float(), (clean.float() + 1) / 2
            if self.settings.entropy == "as-coded":
                return F.binary_cross_entropy_with_logits(found, wanted)
            return F.binary_cross_entropy((found + 1) / 2, wanted)

    def _global(self, batch: Batch) -> Losses:
        return self._judged("global", batch.memo["clean"], batch.memo["made"])

    def _local(self, batch: Batch) -> Losses:
        return self._judged("local", batch.memo["clean_patch"], batch.memo["patch"])

    def _judged(self, name: str, clean: Tensor, made: Tensor) -> Losses:
        network = self.networks[name]
        return {f"{name}_real": 0.5 * self._real(network(clean)), f"{name}_fake": 0.5 * self._fake(network(made.detach()))}

    def _real(self, scores: Tensor) -> Tensor:
        return terms.real(scores) if self.settings.judges == "vector" else ((scores - 1) ** 2).mean()

    def _fake(self, scores: Tensor) -> Tensor:
        return terms.fake(scores) if self.settings.judges == "vector" else (scores**2).mean()
