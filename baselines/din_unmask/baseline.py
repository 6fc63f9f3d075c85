"""Losses and updates after Din et al. 2020."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from occbench.baselines.din_unmask.networks import DEPTH, Discriminator, UNet, opened
from occbench.errors import UsageError
from occbench.training import Batch, Losses, Moment, Phase, Restoration, perceptual, recipe
from occbench.training import losses as terms
from occbench.training.layers import multiple
from occbench.training.segmentation import examples, look
from occbench.training.staged import Staged, adams

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
        negatives: the map module also sees each batch's clean pictures, on which there is nothing to find.
        mask_after: epochs of the second stage before the discriminator of the mask's region joins.
        base, d_base: channels of the stems of U-Nets and discriminators.
        edit_lr: the editing generator's learning rate; `optimizer.lr` is the map module's.
        composed: what is restored is the photograph with the editing generator's picture inside the map, not that picture whole.
        random_features: the perceptual network has random weights. For tests, and for whoever has none and says so.
        weights: of the terms.
    """

    map_epochs: int
    negatives: bool
    mask_after: int
    base: int
    d_base: int
    edit_lr: float
    composed: bool
    random_features: bool
    weights: Weights


class DinUnmask(Staged):
    """`din-unmask`: a map of the mask, then an editing generator judged whole and, later, where the mask was (Din et al. 2020)."""

    settings_type = Settings
    track = "blind"
    stage_names = ("map", "edit")
    restoring = ("map", "generator")
    channels_last = False

    def __init__(self, settings: Settings, labels: int) -> None:
        self.settings: Settings = settings
        self.check_stages()
        if not multiple(settings.size, 2**DEPTH) or settings.size < 64:
            raise UsageError(f"din-unmask needs a size that is a multiple of {2**DEPTH}, from 64 on, not {settings.size}.")
        if min(settings.base, settings.d_base) < 1:
            raise UsageError("base and d_base are at least 1.")
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
        if settings.random_features and settings.weights.perceptual:
            self.notices = (perceptual.random_notice("vgg16-relu", "Din et al.'s"),)

    @cached_property
    def helpers(self) -> Mapping[str, nn.Module]:  # type: ignore[override]
        """The perceptual network, opened when it is first asked for: whoever only restores needs none."""
        if not self.settings.weights.perceptual:
            return {}
        return {"features": perceptual.features("vgg16-relu", random=self.settings.random_features)}

    @property
    def finding_epochs(self) -> int:
        """The map module's."""
        return self.settings.map_epochs

    def optimizers(self) -> dict[str, Optimizer]:
        """See `Baseline.optimizers`."""
        adam = self.settings.optimizer
        return adams(self.networks, adam, {"map": adam.lr, "map_discriminator": adam.lr, "generator": self.settings.edit_lr})

    def phases(self, moment: Moment) -> Sequence[Phase]:
        """The map module with its discriminator; later those that judge the editing generator, and it."""
        if self.finds(moment):
            return [Phase("map_discriminator", self._judge_map), Phase("map", self._map)]
        late = [Phase("mask_discriminator", self._judge_region)] if self.focuses(moment) else []
        generator = Phase("generator", self._focused if late else self._generator)
        return [Phase("whole_discriminator", self._judge_whole), *late, generator]

    def focuses(self, moment: Moment) -> bool:
        """The discriminator of the mask's region has joined."""
        return moment.epoch > self.settings.map_epochs + self.settings.mask_after

    def begin(self, batch: Batch, moment: Moment) -> None:
        """Run what is trained, once for all phases."""
        if self.finds(moment):
            photo, wanted = examples(batch, negatives=self.settings.negatives)
            batch.memo |= {"photo": photo, "wanted": wanted[:, :1], "found": self.map(photo)}
            return
        photo, clean = batch.occluded * 2 - 1, batch.clean * 2 - 1
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

    def _judge_map(self, batch: Batch) -> Losses:
        memo = batch.memo
        shown = (torch.cat([memo["photo"], found], dim=1) for found in (memo["wanted"], memo["found"].detach()))
        return terms.judged("map", *map(self.map_judge, shown))

    def _map(self, batch: Batch) -> Losses:
        weights, memo = self.settings.weights, batch.memo
        judged = self.map_judge(torch.cat([memo["photo"], memo["found"]], dim=1))
        return {
            "map_adversarial": weights.map_adversarial * terms.real(judged),
            "map_l1": weights.map_l1 * (memo["found"] - memo["wanted"]).abs().mean(),
        }

    def _judge_whole(self, batch: Batch) -> Losses:
        memo = batch.memo
        return terms.judged("whole", *(self.whole(self._shown(memo, seen)) for seen in (memo["clean"], memo["made"].detach())))

    def _judge_region(self, batch: Batch) -> Losses:
        memo = batch.memo
        return terms.judged("mask", *(self.region(self.regional(memo, seen)) for seen in (memo["clean"], memo["made"].detach())))

    def _generator(self, batch: Batch) -> Losses:
        weights, memo = self.settings.weights, batch.memo
        made, clean = memo["made"], memo["clean"]
        losses = {
            "l1": weights.l1 * (made - clean).abs().mean(),
            "dissimilarity": weights.dissimilarity * (1 - terms.ssim(made, clean, 2.0)),
            "adversarial_whole": weights.adversarial_whole * terms.real(self.whole(self._shown(memo, made))),
        }
        if weights.perceptual:
            taps = self.helpers["features"]
            losses["perceptual"] = weights.perceptual * terms.perceptual(taps(made), [tap.detach() for tap in taps(clean)])
        return losses

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
