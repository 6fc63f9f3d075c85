"""Finding what hides a face: the first stage of the un-masking baselines (seed 001's Mask G), and a detector by itself.

Inside, a map is in [-1, 1], +1 = occluded, in three channels that say the same, as the seed has it (specification 4.1).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from occbench.training import Batch, Losses
from occbench.training.layers import UNet

DEPTH = 5
# Of a map: more is occluded. The seed's 50 of 255; low, for a remnant of a mask hurts more than a lost margin.
THRESHOLD = 50 / 127.5 - 1


def network(base: int, *, running: bool = True) -> UNet:
    """Mask G: pictures (B, 3, S, S) in [-1, 1] to maps (B, 3, S, S) in (-1, 1).

    Args:
        base: channels of its first layer.
        running: running statistics for evaluation, see `layers.BatchInstanceNorm2d`.
    """
    return UNet(base, DEPTH, running=running)


def target(mask: Tensor) -> Tensor:
    """Masks (B, 1, S, S) in [0, 1] to the map (B, 3, S, S) that is wanted: -1 or +1, occluded from one half on, as in scoring."""
    return ((mask >= 128 / 255).to(mask.dtype) * 2 - 1).expand(-1, 3, -1, -1)


def losses(found: Tensor, wanted: Tensor, *, cross_entropy: float, l1: float, signed: bool = False) -> Losses:
    """Binary cross-entropy with the tanh output as logit, and mean absolute error (specification 4.5).

    Args:
        found, wanted: maps (B, 3, S, S); `wanted` of -1 and +1.
        cross_entropy, l1: weights.
        signed: as the seed codes it: the cross-entropy's targets are -1 and +1, for which it has no lower bound of 0.
    """
    truth = wanted if signed else (wanted + 1) / 2
    with torch.autocast(found.device.type, enabled=False):
        return {
            "mask_entropy": cross_entropy * F.binary_cross_entropy_with_logits(found.float(), truth.float()),
            "mask_l1": l1 * F.l1_loss(found.float(), wanted.float()),
        }


def examples(batch: Batch, *, negatives: bool) -> tuple[Tensor, Tensor]:
    """What Mask G learns from: pictures in [-1, 1] and maps.

    Args:
        batch: of pairs.
        negatives: the clean pictures too, on which nothing is to be found. Whoever has only ever seen masked faces finds a mask on
            every face.
    """
    pictures, wanted = batch.occluded * 2 - 1, target(batch.mask)
    if negatives:
        pictures, wanted = torch.cat([pictures, batch.clean * 2 - 1]), torch.cat([wanted, -torch.ones_like(wanted)])
    return pictures, wanted


def step(
    network: nn.Module, batch: Batch, cross_entropy: float, l1: float, *, negatives: bool = True, signed: bool = False
) -> Losses:
    """The loss terms of a step of Mask G; see `examples` and `losses`."""
    pictures, wanted = examples(batch, negatives=negatives)
    return losses(network(pictures), wanted, cross_entropy=cross_entropy, l1=l1, signed=signed)


def probability(found: Tensor) -> Tensor:
    """Maps (B, 3, S, S) to one probability a pixel (B, 1, S, S)."""
    return (found.float().mean(1, keepdim=True) + 1) / 2


def look(network: nn.Module, pictures: Tensor, *, frozen: bool) -> Tensor:
    """Maps of pictures, from a stage that is trained no longer: no gradient reaches it.

    Args:
        network: from `network`.
        pictures: (B, 3, S, S) in [-1, 1].
        frozen: in evaluation mode, and left in it, so that its statistics stay what they are.
    """
    if frozen:
        network.eval()
    with torch.no_grad():
        found: Tensor = network(pictures)
    return found
