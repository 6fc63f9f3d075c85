"""OA-GAN's losses and updates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.optim import Adam, Optimizer

from occbench.baselines.oa_gan.networks import Discriminator, Generator, Layout, Seen
from occbench.errors import UsageError
from occbench.training import Baseline, Batch, Losses, Moment, Phase, Restoration, perceptual, recipe
from occbench.training import losses as terms
from occbench.training.layers import multiple, normal
from occbench.training.penalties import dragan, wgan_gp

_MOST_BLOCKS = 64


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the terms; 0 leaves a term out."""

    adversarial: float
    mask_size: float
    mask_smooth: float
    image_smooth: float
    attribute: float
    visible: float
    hole: float
    perceptual: float
    style: float
    mask: float
    penalty: float


@dataclass(frozen=True, kw_only=True)
class Settings(recipe.Settings):
    """OA-GAN's recipe.

    Attributes:
        blocks: residual blocks of the occlusion-aware module.
        width: channels of the first layers.
        layout: of the generator, see `networks.Generator`.
        pixel_loss: on the synthesis, or on the final (composed) picture.
        penalty: of D's gradient.
        d_norm, spectral: of D's layers.
        d_init: `normal` draws D's weights as G's; `default` leaves torch's.
        d_real: what D holds for real: the pair's clean picture, or another one.
        d_real_natural: the same in steps with natural photographs.
        d_updates: 2 updates D twice a step, for the critic and then for the penalty, as released; 1 minimises the sum.
        g_every: steps between updates of G, from the beginning of each epoch; D is updated in every step.
        natural_every: steps between batches of natural photographs, likewise.
        natural_attributes: attribute terms also in natural steps.
        smoothing: target of a label that is 1; others stay 0.
        features: perceptual network.
        random_features: its weights are random. For tests, and for whoever has no weights and says so.
        weights: of the terms.
    """

    blocks: int
    width: int
    layout: Layout
    pixel_loss: Literal["synthesis", "final"]
    penalty: Literal["wgan-gp", "dragan", "none"]
    d_norm: Literal["none", "instance"]
    spectral: bool
    d_init: Literal["default", "normal"]
    d_real: Literal["ground-truth", "independent"]
    d_real_natural: Literal["ground-truth", "independent"]
    d_updates: Literal[1, 2]
    g_every: int
    natural_every: int
    natural_attributes: bool
    smoothing: float
    features: perceptual.Name
    random_features: bool
    weights: Weights


class OAGAN(Baseline):
    """`oa-gan`: finds the occlusion by itself and completes the face behind it, learning from pairs and natural photographs alike
    (Cai et al. 2021).
    """

    settings_type = Settings
    track = "blind"
    channels_last = False

    def __init__(self, settings: Settings, labels: int) -> None:
        self.settings = settings
        if not multiple(settings.size, 64):
            raise UsageError(f"OA-GAN needs a size that is a multiple of 64 (64, 128, ...), not {settings.size}.")
        if settings.g_every < 1 or settings.natural_every < 1 or settings.width < 1:
            raise UsageError("g_every, natural_every and width are at least 1.")
        if settings.blocks > _MOST_BLOCKS:
            raise UsageError(f"blocks is at most {_MOST_BLOCKS}, not {settings.blocks}.")
        self.generator = Generator(settings.blocks, settings.width, settings.layout)
        self.discriminator = Discriminator(
            settings.size, labels, settings.width, instance_norm=settings.d_norm == "instance", spectral=settings.spectral
        )
        self.networks: dict[str, nn.Module] = {"generator": self.generator, "discriminator": self.discriminator}
        normal(self.generator)
        if settings.d_init == "normal":
            normal(self.discriminator)
        if settings.random_features and self._compares_features:
            self.notices = (perceptual.random_notice(settings.features, "OA-GAN's"),)

    @property
    def _compares_features(self) -> bool:
        return bool(self.settings.weights.perceptual or self.settings.weights.style)

    @cached_property
    def helpers(self) -> Mapping[str, nn.Module]:  # type: ignore[override]
        """The perceptual network, opened when it is first asked for: whoever only restores needs none."""
        if not self._compares_features:
            return {}
        return {"features": perceptual.features(self.settings.features, random=self.settings.random_features)}

    @property
    def sees_others(self) -> bool:
        """See `Baseline.sees_others`."""
        return "independent" in (self.settings.d_real, self.settings.d_real_natural)

    def sees_natural(self, moment: Moment) -> bool:
        """Every tenth batch, as released: D sees 9 paired to 1 natural, G (every fifth) 1 to 1."""
        return moment.iteration % self.settings.natural_every == 0

    def optimizers(self) -> dict[str, Optimizer]:
        """See `Baseline.optimizers`."""
        adam = self.settings.optimizer
        betas = (adam.beta1, adam.beta2)
        return {
            "discriminator": Adam(self.discriminator.parameters(), adam.d_lr, betas),
            "generator": Adam(self.generator.parameters(), adam.lr, betas),
        }

    def trains_generator(self, moment: Moment) -> bool:
        """G is updated in this step."""
        return moment.iteration % self.settings.g_every == 0

    def phases(self, moment: Moment) -> Sequence[Phase]:
        """D in every step, then G in some.

        Raises:
            UsageError: epochs are so short that G is never updated.
        """
        past = moment.epoch - 1
        if past and moment.iteration == 1 and (moment.step - 1) // past < self.settings.g_every:
            raise UsageError(
                f"An epoch has {(moment.step - 1) // past} batches, and G is updated every {self.settings.g_every} of an epoch: "
                "never. Choose --set g_every=1, or smaller batches."
            )
        if self.settings.d_updates == 2 and self.settings.penalty != "none":
            phases = [Phase("discriminator", self._critic), Phase("discriminator", self._penalty)]
        else:
            phases = [Phase("discriminator", self._discriminator)]
        return [*phases, Phase("generator", self._generator)] if self.trains_generator(moment) else phases

    def begin(self, batch: Batch, moment: Moment) -> None:
        """Run G once for all phases of the step: D's update does not change what G makes."""
        occluded = _inside(batch.occluded if batch.natural is None else batch.natural)
        with torch.set_grad_enabled(self.trains_generator(moment)):
            made, visible, found = self.generator(occluded)
            seen = Seen(made.float(), visible.float(), found)
            batch.memo |= {"seen": seen, "final": seen.composed(occluded)}

    def restore(self, occluded: Tensor, mask: Tensor | None) -> Restoration:
        """See `Baseline.restore`. Features are `features` (of the occlusion-aware module) and `synthesis` (in [0, 1])."""
        inside = _inside(occluded)
        seen = self.generator.see(inside)
        return Restoration(
            _outside(seen.composed(inside)).to(occluded.dtype),
            1 - seen.visible.to(occluded.dtype),
            {"features": seen.features, "synthesis": _outside(seen.synthesis)},
        )

    def _real(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Pictures that D holds for real, and their labels where they count."""
        choice = self.settings.d_real if batch.natural is None else self.settings.d_real_natural
        images, labels = batch.clean, batch.labels
        if choice == "independent":
            assert batch.others is not None
            images, labels = batch.others
        return _inside(images), self._targets(batch, labels)

    def _targets(self, batch: Batch, labels: Tensor | None) -> Tensor | None:
        if (
            labels is None
            or not self.settings.weights.attribute
            or (batch.natural is not None and not self.settings.natural_attributes)
        ):
            return None
        return labels * self.settings.smoothing

    def _critic(self, batch: Batch) -> Losses:
        real, targets = self._real(batch)
        fake = batch.memo["final"].detach()
        # Nothing in D mixes pictures of a batch, so both halves go through it at once.
        scores, attributes = self.discriminator(torch.cat([real, fake]))
        losses = {"d_critic": terms.critic(scores[: len(real)], scores[len(real) :])}
        if targets is not None and attributes is not None:
            found = attributes[: len(real)].flatten(1)
            losses["d_attribute"] = self.settings.weights.attribute * terms.attribute(found, targets, self.settings.batch_size)
        return losses

    def _penalty(self, batch: Batch) -> Losses:
        real, _ = self._real(batch)
        if self.settings.penalty == "wgan-gp":
            found = wgan_gp(self._scores, real, batch.memo["final"], batch.rng)
        else:
            found = dragan(self._scores, real, batch.rng)
        return {"d_penalty": self.settings.weights.penalty * found}

    def _discriminator(self, batch: Batch) -> Losses:
        return self._critic(batch) | (self._penalty(batch) if self.settings.penalty != "none" else {})

    def _scores(self, images: Tensor) -> Tensor:
        scores: Tensor = self.discriminator(images)[0]
        return scores

    def _generator(self, batch: Batch) -> Losses:
        weights, seen, final = self.settings.weights, batch.memo["seen"], batch.memo["final"]
        scores, attributes = self.discriminator(final)
        losses = {"adversarial": weights.adversarial * -scores.float().mean()}
        if weights.mask_size:
            losses["mask_size"] = weights.mask_size * terms.mask_size(seen.visible)
        # Sums over the whole batch, of which this may be a part: the loop takes the mean over parts and processes.
        parts = self.settings.batch_size / len(final)
        losses["mask_smooth"] = weights.mask_smooth * parts * terms.total_variation(seen.visible)
        losses["image_smooth"] = weights.image_smooth * parts * terms.total_variation(final)
        targets = self._targets(batch, batch.labels)
        if targets is not None and attributes is not None:
            if batch.natural is not None:
                targets = self._read(batch.natural)
            losses["attribute"] = weights.attribute * terms.attribute(attributes.flatten(1), targets, self.settings.batch_size)
        if batch.natural is None:
            losses |= self._supervised(batch, seen, final)
        batch.reports["mean_visible" if batch.natural is None else "mean_visible_natural"] = seen.visible.detach().mean()
        return losses

    def _read(self, natural: Tensor) -> Tensor:
        """Attributes (B, C) of natural photographs as D reads them. Nobody has labelled them, and those of the pairs are other
        people's."""
        with torch.no_grad():
            attributes = self.discriminator(_inside(natural))[1]
        assert attributes is not None
        read: Tensor = attributes.flatten(1)
        return read

    def _supervised(self, batch: Batch, seen: Seen, final: Tensor) -> Losses:
        """Terms that need the truth."""
        weights, clean = self.settings.weights, _inside(batch.clean)
        made = seen.synthesis if self.settings.pixel_loss == "synthesis" else final
        losses = {
            "visible": weights.visible * terms.masked_l1(made, clean, seen.visible),
            "hole": weights.hole * terms.masked_l1(made, clean, 1 - seen.visible),
        }
        if weights.mask:
            with torch.autocast(seen.visible.device.type, enabled=False):  # probabilities need all their digits
                truth = 1 - batch.mask
                losses["mask"] = weights.mask * F.binary_cross_entropy(seen.visible.float(), truth)
        if self._compares_features:
            taps = self.helpers["features"]
            wanted = [tap.detach() for tap in taps(clean)]
            # xs and xf side by side; the terms are sums over the two.
            count = len(clean)
            both = taps(torch.cat([seen.synthesis, final]))
            halves = [tap[:count] for tap in both], [tap[count:] for tap in both]
            compared = {"perceptual": terms.perceptual, "style": terms.style}
            for name, compare in compared.items():
                losses[name] = getattr(weights, name) * torch.stack([compare(half, wanted) for half in halves]).sum()
        batch.reports["psnr_final"] = _psnr(final, clean)
        batch.reports["psnr_synthesis"] = _psnr(seen.synthesis, clean)
        return losses


def _inside(images: Tensor) -> Tensor:
    """[0, 1] to the networks' [-1, 1]. On a CPU in torch's own layout: with channels last a penalty takes three times as long."""
    return images * 2 - 1 if images.is_cuda else (images * 2 - 1).contiguous()


def _outside(images: Tensor) -> Tensor:
    return (images + 1) / 2


def _psnr(one: Tensor, other: Tensor) -> Tensor:
    """Mean over pictures, dB, of pictures in [-1, 1]."""
    error = ((one.detach() - other).float() ** 2).flatten(1).mean(1)
    return (10 * torch.log10(4 / error.clamp(min=1e-10))).mean()
