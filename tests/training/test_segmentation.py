"""Finding the mask: targets, losses and examples (TS-7)."""

import numpy as np
import pytest
import torch

from occbench.metrics.regions import OCCLUDED
from occbench.training import Batch, segmentation


def batch() -> Batch:
    occluded, clean = torch.zeros(2, 3, 32, 32), torch.ones(2, 3, 32, 32)
    return Batch(occluded, clean, torch.ones(2, 1, 32, 32), None, None, None, torch.Generator())


def test_targets_are_what_scoring_calls_occluded() -> None:
    levels = np.arange(256)
    found = segmentation.target(torch.tensor(levels / 255, dtype=torch.float32).view(1, 1, 16, 16))
    assert found.shape == (1, 3, 16, 16)
    assert (found[0, 0].flatten().numpy() > 0).tolist() == (levels >= OCCLUDED).tolist()


@pytest.mark.parametrize(("weight", "expected"), [(100.0, 50.4741), (10_000.0, 5000.4741)], ids=["intended", "as-coded"])
@pytest.mark.parametrize("signed", [False, True])
def test_ts_7_losses_by_hand(weight: float, expected: float, signed: bool) -> None:
    """Target 1, output 0.5 everywhere: the targets' convention makes no difference there."""
    found, wanted = torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 3, 4, 4)
    terms = segmentation.losses(found, wanted, cross_entropy=1.0, l1=weight, signed=signed)
    assert sum(term.item() for term in terms.values()) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("signed", "expected"), [(False, 0.3412), (True, -0.5588)])
def test_cross_entropy_of_the_visible(signed: bool, expected: float) -> None:
    """Output -0.9 where nothing is: with targets of -1 the seed's term falls below 0."""
    terms = segmentation.losses(torch.full((1, 3, 4, 4), -0.9), -torch.ones(1, 3, 4, 4), cross_entropy=1.0, l1=0.0, signed=signed)
    assert terms["mask_entropy"].item() == pytest.approx(expected, abs=1e-4)


def test_clean_pictures_have_nothing_to_find() -> None:
    pictures, wanted = segmentation.examples(batch(), negatives=True)
    assert [picture.mean().item() for picture in pictures] == [-1, -1, 1, 1]
    assert [target.mean().item() for target in wanted] == [1, 1, -1, -1]


def test_without_negatives_only_the_occluded_are_seen() -> None:
    assert len(segmentation.examples(batch(), negatives=False)[0]) == 2


def test_probabilities_are_means_over_channels() -> None:
    found = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1)
    assert segmentation.probability(found).tolist() == [[[[0.5]]]]


@pytest.mark.parametrize("frozen", [True, False])
def test_looking_gives_no_gradient_and_keeps_statistics_where_frozen(frozen: bool) -> None:
    network = segmentation.network(2)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert not segmentation.look(network, torch.rand(2, 3, 32, 32), frozen=frozen).requires_grad
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items()) is frozen
