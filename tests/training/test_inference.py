"""8-bit images in, 8-bit images out."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from occbench.training import Baseline, Restoration
from occbench.training.inference import evaluating, infer

CPU = torch.device("cpu")


class Fake:
    """Gives back what it is told to, and notes what it is handed."""

    def __init__(self, restoration: Restoration) -> None:
        self.restoration, self.handed = restoration, []

    def restore(self, occluded: Tensor, mask: Tensor | None) -> Restoration:
        self.handed.append((occluded, mask))
        return self.restoration


def fake(value: float, size: int, masks: Tensor | None = None) -> "Baseline":
    return Fake(Restoration(torch.full((2, 3, size, size), value), masks, {"f": torch.ones(2, 1)}))  # type: ignore[return-value]


def pictures(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [32, 40, 100])
def test_with_a_mask_visible_pixels_stay_whatever_the_size(size: int) -> None:
    images, masks = pictures(size), np.zeros((2, size, size), np.uint8)
    masks[:, 3:9, 4:20] = 1
    found = infer(fake(0.5, 32), images, masks, 32, CPU).images
    assert np.array_equal(found[masks == 0], images[masks == 0])
    assert np.abs(found[masks > 0].astype(int) - 128).max() <= 1


def test_blind_networks_are_handed_no_mask() -> None:
    network = fake(0.5, 32)
    infer(network, pictures(32), None, 32, CPU)
    assert network.handed[0][1] is None  # type: ignore[attr-defined]


def test_networks_see_pictures_of_their_size_in_0_to_1() -> None:
    network = fake(0.5, 32)
    infer(network, pictures(64), None, 32, CPU)
    seen = network.handed[0][0]  # type: ignore[attr-defined]
    assert seen.shape == (2, 3, 32, 32)
    assert 0 <= seen.min() < seen.max() <= 1


@pytest.mark.parametrize(("value", "level"), [(-3.0, 0), (0.5 / 255 + 1e-4, 1), (0.5, 128), (7.0, 255)])
def test_values_are_clipped_and_rounded(value: float, level: int) -> None:
    assert (infer(fake(value, 32), pictures(32), None, 32, CPU).images == level).all()


def test_masks_and_features_come_along() -> None:
    found = infer(fake(0.5, 32, torch.full((2, 1, 32, 32), 0.2)), pictures(32), None, 32, CPU)
    assert found.masks is not None
    assert (found.masks == 51).all()
    assert found.features["f"].dtype == np.float32


def test_every_module_returns_to_its_mode() -> None:
    network = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(3))
    network[1].eval()
    with evaluating({"net": network}):
        assert not any(module.training for module in network.modules())
    assert [module.training for module in network.modules()] == [True, True, False]


def test_modes_return_after_an_error() -> None:
    network = nn.Dropout()
    with pytest.raises(KeyError), evaluating({"net": network}):
        raise KeyError
    assert network.training
