"""Losses and updates after Din et al. 2020."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from occbench.baselines.din_unmask.networks import DEPTH, Discriminator, UNet, opened
from occbench.errors import UsageError
from occbench.training import Baseline, Batch, Losses, Moment, Phase, Restoration, perceptual, recipe
from occbench.training import losses as terms
from occbench.training.layers import multiple
from occbench.training.segmentation import look, target

THRESHOLD = 220 / 255  # of the map's probability


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the terms; `map_*` in the first stage, the others in the second."""

    map_adversarial: float
    map_l1: float
    l1: float
    dissimilarity: float
    perceptual: float
    adversarial_whole: float
    adversarial_mask: float


@dataclass(frozen=True, kw_only=True)
class Settings(recipe.Settings):
    """The recipe after Din et al.

    Attributes:
        map_epochs: the first of the epochs, for the map module.
        mask_after: epochs of the second stage before the discriminator of the mask's region joins.
        base, d_base: channels of the stems of U-Nets and discriminators.
        edit_lr: the editing generator's learning rate; `optimizer.lr` is the map module's.
        composed: what is restored is the photograph with the editing generator's picture inside the map, not that picture whole.
        random_features: the perceptual network has random weights. For tests, and for whoever has none and says so.
        weights: of the terms.
    """

    map_epochs: int
    mask_after: int
    base: int
    d_base: int
    edit_lr: float
    composed: bool
    random_features: bool
    weights: Weights


class DinUnmask(Baseline):
    """`din-unmask`: a map of the mask, then an editing generator judged whole and, later, where the mask was (Din et al. 2020)."""

    settings_type = Settings
    track = "blind"
    restoring = ("map", "generator")
    channels_last = False

    def __init__(self, settings: Settings, labels: int) -> None:
        self.settings = settings
        if not multiple(settings.size, 2**DEPTH) or settings.size < 64:
            raise UsageError(f"din-unmask needs a size that is a multiple of {2**DEPTH}, from 64 on, not {settings.size}.")
        if settings.map_epochs > settings.epochs or min(settings.base, settings.d_base) < 1:
            raise UsageError("map_epochs are the first of the epochs, so not more; base and d_base are at least 1.")
        self.map = UNet(3, 1, settings.base)
        self.generator = UNet(6, 3, settings.base, editing=True)
        self.map_judge = Discriminator(4, settings.d_base)
        self.whole, self.region = (Discriminator(9, settings.d_base) for _ in range(2))
        self.networks: dict[str, nn.Module] = {
            "map": self.map,
            "generator": self.generator,
            "map_discriminator": self.map_judge,
            "whole_discriminator": self.whole,
            "mask_discriminator": self.region,
        }
        if settings.random_features:
            self.notices = (perceptual.random_notice("vgg16-relu", "Din et al.'s"),)

    @cached_property
    def helpers(self) -> Mapping[str, nn.Module]:  # type: ignore[override]
        """The perceptual network, opened when it is first asked for: whoever only restores needs none."""
        return {"features": perceptual.features("vgg16-relu", random=self.settings.random_features)}

    @property
    def stages(self) -> Mapping[str, int]:
        """See `Baseline.stages`."""
        return {"map": self.settings.map_epochs, "edit": self.settings.epochs}

    def judge(self, moment: Moment) -> str:
        """Overlap while the map module learns."""
        return "iou" if self._mapping(moment) else super().judge(moment)

    def optimizers(self) -> dict[str, Optimizer]:
        """See `Baseline.optimizers`."""
        adam = self.settings.optimizer
        rates = {"map": adam.lr, "map_discriminator": adam.lr, "generator": self.settings.edit_lr}
        return {
            name: Adam(network.parameters(), rates.get(name, adam.d_lr), (adam.beta1, adam.beta2))
            for name, network in self.networks.items()
        }

    def phases(self, moment: Moment) -> Sequence[Phase]:
        """The map module with its discriminator; later those that judge the editing generator, and it."""
        if self._mapping(moment):
            return [Phase("map_discriminator", self._judge_map), Phase("map", self._map)]
        late = [Phase("mask_discriminator", self._judge_region)] if self.focuses(moment) else []
        generator = Phase("generator", self._focused if late else self._generator)
        return [Phase("whole_discriminator", self._judge_whole), *late, generator]

    def focuses(self, moment: Moment) -> bool:
        """The discriminator of the mask's region has joined."""
        return moment.epoch > self.settings.map_epochs + self.settings.mask_after

    def begin(self, batch: Batch, moment: Moment) -> None:
        """Run what is trained, once for all phases."""
        photo, clean = batch.occluded * 2 - 1, batch.clean * 2 - 1
        if self._mapping(moment):
            batch.memo |= {"photo": photo, "found": self.map(photo)}
            return
        chosen = self._chosen(look(self.map, photo, frozen=False))  # instance norms: no statistics that could change
        made = self.generator(_beside(photo, chosen))
        batch.memo |= {"photo": photo, "clean": clean, "chosen": chosen, "made": made}

    def restore(self, occluded: Tensor, mask: Tensor | None) -> Restoration:
        """See `Baseline.restore`. Feature: `edited`, the editing generator's picture whole (in [0, 1])."""
        photo = occluded * 2 - 1
        found = self.map(photo)
        chosen = self._chosen(found)
        made = self.generator(_beside(photo, chosen)).to(photo)
        result = composed(photo, made, chosen) if self.settings.composed else made
        probability = ((found.float() + 1) / 2).to(occluded.dtype)
        return Restoration((result + 1) / 2, probability, {"edited": (made + 1) / 2})

    @staticmethod
    def _chosen(found: Tensor) -> Tensor:
        """A map (B, 1, S, S) of 0 and 1, without specks, from one in [-1, 1]."""
        return opened(((found + 1) / 2 > THRESHOLD).to(found.dtype))

    def _mapping(self, moment: Moment) -> bool:
        return moment.epoch <= self.settings.map_epochs

    def _judge_map(self, batch: Batch) -> Losses:
        photo, wanted = batch.memo["photo"], target(batch.mask)[:, :1]
        real = self.map_judge(torch.cat([photo, wanted], dim=1))
        fake = self.map_judge(torch.cat([photo, batch.memo["found"].detach()], dim=1))
        return {"map_real": terms.real(real), "map_fake": terms.fake(fake)}

    def _map(self, batch: Batch) -> Losses:
        weights, found = self.settings.weights, batch.memo["found"]
        judged = self.map_judge(torch.cat([batch.memo["photo"], found], dim=1))
        wanted = target(batch.mask)[:, :1]
        return {
            "map_adversarial": weights.map_adversarial * terms.real(judged),
            "map_l1": weights.map_l1 * (found - wanted).abs().mean(),
        }

    def _judge_whole(self, batch: Batch) -> Losses:
        memo = batch.memo
        real, fake = (self.whole(self._shown(memo, picture)) for picture in (memo["clean"], memo["made"].detach()))
        return {"whole_real": terms.real(real), "whole_fake": terms.fake(fake)}

    def _judge_region(self, batch: Batch) -> Losses:
        memo = batch.memo
        real, fake = (self.region(self.regional(memo, picture)) for picture in (memo["clean"], memo["made"].detach()))
        return {"mask_real": terms.real(real), "mask_fake": terms.fake(fake)}

    def _generator(self, batch: Batch) -> Losses:
        weights, memo = self.settings.weights, batch.memo
        made, clean = memo["made"], memo["clean"]
        taps = self.helpers["features"]
        return {
            "l1": weights.l1 * (made - clean).abs().mean(),
            "dissimilarity": weights.dissimilarity * (1 - terms.ssim(made, clean, 2.0)),
            "perceptual": weights.perceptual * terms.perceptual(taps(made), [tap.detach() for tap in taps(clean)]),
            "adversarial_whole": weights.adversarial_whole * terms.real(self.whole(self._shown(memo, made))),
        }

    def _focused(self, batch: Batch) -> Losses:
        judged = self.region(self.regional(batch.memo, batch.memo["made"]))
        return self._generator(batch) | {"adversarial_mask": self.settings.weights.adversarial_mask * terms.real(judged)}

    @staticmethod
    def _shown(memo: Mapping[str, Tensor], candidate: Tensor) -> Tensor:
        """What the discriminator of the whole sees (B, 9, S, S): candidate, photograph, map."""
        return torch.cat([candidate, _beside(memo["photo"], memo["chosen"])], dim=1)

    @classmethod
    def regional(cls, memo: Mapping[str, Tensor], candidate: Tensor) -> Tensor:
        """What the discriminator of the region sees (B, 9, S, S): as the other, the candidate only inside the map."""
        return cls._shown(memo, composed(memo["photo"], candidate, memo["chosen"]))


def composed(photo: Tensor, made: Tensor, chosen: Tensor) -> Tensor:
    """The photograph (B, 3, S, S) with another picture inside a map (B, 1, S, S) of 0 and 1."""
    return torch.where(chosen > 0, made, photo)


def _beside(photo: Tensor, chosen: Tensor) -> Tensor:
    """Photograph and map (of 0 and 1, as -1 and 1 in three channels), (B, 6, S, S)."""
    return torch.cat([photo, (chosen * 2 - 1).expand_as(photo)], dim=1)
