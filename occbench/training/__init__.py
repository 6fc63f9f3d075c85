"""Learning to undo an occlusion: the protocol of a baseline, its recipe, the one loop, checkpoints, shared losses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

BASELINES = {
    "context-encoder": "occbench.baselines.context_encoder.baseline:ContextEncoder",
    "oa-gan": "occbench.baselines.oa_gan.baseline:OAGAN",
    "two-stage": "occbench.baselines.two_stage.baseline:TwoStage",
    "din-unmask": "occbench.baselines.din_unmask.baseline:DinUnmask",
    "double-discriminator": "occbench.baselines.double_discriminator.baseline:DoubleDiscriminator",
}

Losses = dict[str, Tensor]  # weighted terms, scalars; what is minimised is their sum


@dataclass(frozen=True)
class Moment:
    """Where training is. All three count from 1.

    Attributes:
        step: batches since the beginning.
        epoch: passes over the pairs, this one included.
        iteration: batches since the beginning of this epoch.
    """

    step: int
    epoch: int
    iteration: int


@dataclass
class Batch:
    """What one step sees, on the training device. Images are (B, 3, S, S) float32 RGB in [0, 1].

    Attributes:
        occluded, clean: the pair.
        mask: (B, 1, S, S) float32, 1 = occluded, 0 = visible.
        labels: (B, C) float32 targets of an attribute head, belonging to `clean`; None without labels.
        natural: real occluded photographs, in steps that train on them; else None.
        others: clean photographs drawn without regard to `clean`, and their labels; None where the baseline does not ask for them.
        rng: every random draw of this step, on the CPU; keyed by seed and step, so that a resumed run draws the same.
        memo: what `Baseline.begin` computed for the phases of this step.
        reports: scalars to be logged that nobody minimises.
    """

    occluded: Tensor
    clean: Tensor
    mask: Tensor
    labels: Tensor | None
    natural: Tensor | None
    others: tuple[Tensor, Tensor | None] | None
    rng: torch.Generator
    memo: dict[str, Any] = field(default_factory=dict)
    reports: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One update: an optimiser, and what it minimises. Parameters of other optimisers receive no gradient meanwhile."""

    optimizer: str
    losses: Callable[[Batch], Losses]


@dataclass(frozen=True)
class Restoration:
    """What networks make of a batch, before it is rounded to 8 bits.

    Attributes:
        images: (B, 3, S, S) in [0, 1].
        masks: (B, 1, S, S) in [0, 1], where the networks believe the occlusion to be, 1 = occluded; None if they do not say.
        features: intermediate results by name, (B, ...).
    """

    images: Tensor
    masks: Tensor | None = None
    features: Mapping[str, Tensor] = field(default_factory=dict)


class Baseline(ABC):
    """A method that is trained: its networks, its losses, and the order of their updates. It knows of no files, devices or loops.

    A subclass is made by `Kind(settings, labels)`. Networks are initialised from torch's global generator, which the caller seeds.
    It may be made on the meta device, where nothing has values: what a network needs is in its state, and what `restore` needs
    besides is made when it is first asked for.

    Attributes:
        settings_type: the dataclass of its recipe, a kind of `recipe.Settings`.
        track: whether it is handed the mask when it restores.
        networks: what is trained, by name.
        helpers: frozen networks that losses use; never stored, never in an optimiser.
        restoring: names of the networks that `restore` needs.
        channels_last: its networks are faster on a CPU with that memory layout (on a GPU all are).
        notices: what everybody who reads of a result must know (random perceptual weights, say).
    """

    settings_type: ClassVar[type[Any]]
    track: ClassVar[Literal["blind", "given-mask"]]
    networks: dict[str, nn.Module]
    helpers: Mapping[str, nn.Module] = {}
    restoring: ClassVar[tuple[str, ...]] = ("generator",)
    channels_last: ClassVar[bool] = True
    notices: tuple[str, ...] = ()

    @abstractmethod
    def optimizers(self) -> dict[str, Optimizer]:
        """The optimisers by name, each over parameters of its own."""

    @abstractmethod
    def phases(self, moment: Moment) -> Sequence[Phase]:
        """The updates of one step, in their order."""

    @abstractmethod
    def restore(self, occluded: Tensor, mask: Tensor | None) -> Restoration:
        """Restore a batch, with networks in evaluation mode.

        Args:
            occluded: (B, 3, S, S) float32 in [0, 1], S the recipe's size.
            mask: (B, 1, S, S) float32, 1 = to be filled; None for blind baselines.
        """

    def begin(self, batch: Batch, moment: Moment) -> None:  # noqa: B027 - many have nothing to share
        """Compute into `batch.memo` what several phases share. Called anew for each phase when gradients are accumulated."""

    def sees_natural(self, moment: Moment) -> bool:
        """This step trains on natural photographs, if there are any."""
        return False

    @property
    def stages(self) -> Mapping[str, int]:
        """The last epoch of each of its stages, in their order, where it learns one thing after another; else nothing."""
        return {}

    def judge(self, moment: Moment) -> str:
        """The measure of validation that makes a checkpoint the best. When it changes, the search begins anew."""
        return "psnr_mask"

    @property
    def sees_others(self) -> bool:
        """Its steps need `Batch.others`."""
        return False
