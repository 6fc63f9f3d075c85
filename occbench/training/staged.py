"""Baselines that learn in two stages: to find what hides the face, and then to draw the face."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import nn
from torch.optim import Adam, Optimizer

from occbench.errors import UsageError
from occbench.training import Baseline, Moment, recipe
from occbench.training.layers import bounded


class Staged(Baseline):
    """A baseline with a first stage that finds the occlusion, and a second one that is built on it.

    Attributes:
        stage_names: of both.
        settings: of the recipe.
    """

    stage_names: ClassVar[tuple[str, str]]
    settings: recipe.Settings

    @property
    @abstractmethod
    def finding_epochs(self) -> int:
        """How many of the epochs, the first, are for finding; 0 for a baseline with one stage only."""

    @property
    def stages(self) -> Mapping[str, int]:
        """See `Baseline.stages`."""
        last = (self.finding_epochs, self.settings.epochs)
        return dict(zip(self.stage_names, last, strict=True)) if self.finding_epochs else {}

    def finds(self, moment: Moment) -> bool:
        """This step belongs to the first stage."""
        return moment.epoch <= self.finding_epochs

    def judge(self, moment: Moment) -> str:
        """Overlap of the masks while it learns to find."""
        return "iou" if self.finds(moment) else super().judge(moment)

    def check_stages(self) -> None:
        """Refuse more epochs of finding than there are epochs."""
        if self.finding_epochs > self.settings.epochs:
            raise UsageError(
                f"The stage {self.stage_names[0]} has the first of the epochs, so not {self.finding_epochs} of "
                f"{self.settings.epochs}."
            )


def adams(networks: Mapping[str, nn.Module], adam: recipe.Adam, rates: Mapping[str, float]) -> dict[str, Optimizer]:
    """An Adam for each network: with its own rate, else the discriminators'. Shares of batch-instance norms stay in bounds."""
    betas: Any = (adam.beta1, adam.beta2)
    return {
        name: bounded(Adam(network.parameters(), rates.get(name, adam.d_lr), betas), network) for name, network in networks.items()
    }
