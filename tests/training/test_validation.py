"""Validation measures as scoring does, on pairs that nobody chose."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from occbench.metrics.pixels import measure
from occbench.pairs.paired import Pairs
from occbench.training import Restoration
from occbench.training.validation import Validation


class Gray:
    """Restores gray and claims that the left half was occluded."""

    track = "blind"
    networks: dict[str, torch.nn.Module] = {}  # noqa: RUF012

    def restore(self, occluded: Tensor, mask: Tensor | None) -> Restoration:
        masks = torch.zeros(len(occluded), 1, *occluded.shape[2:])
        masks[..., : occluded.shape[3] // 2] = 1
        return Restoration(torch.full_like(occluded, 0.5), masks)


@pytest.fixture
def data(pairs: Callable[..., Pairs]) -> Pairs:
    made = pairs(20, 32)
    masks = np.zeros((20, 32, 32), np.uint8)
    masks[:, :, :16] = 255
    return Pairs(
        made.fingerprint, made.pair_ids, 255 - made.occluded, masks, made.photographs, made.clean, made.identities, made.attributes
    )


def test_values_are_those_of_the_metrics(data: Pairs) -> None:
    validation = Validation(data, 5)
    values, shown = validation.measure(Gray(), 32, torch.device("cpu"))  # type: ignore[arg-type]
    gray = np.full((32, 32, 3), 128, np.uint8)
    after = [measure(gray, data.photographs[k], data.masks[k], ("psnr", "ssim")) for k in validation.rows]
    before = [measure(data.occluded[k], data.photographs[k], data.masks[k], ("psnr", "ssim")) for k in validation.rows]
    for name in ("psnr", "psnr_mask", "ssim_mask"):
        mean = np.mean([row[name] for row in after])
        assert values[name] == pytest.approx(mean)
        assert values[f"{name}_gain"] == pytest.approx(mean - np.mean([row[name] for row in before]))
    assert values["iou"] == 1
    assert [len(row) for row in shown] == [5] * 5


def test_the_choice_does_not_depend_on_the_order(data: Pairs) -> None:
    turned = np.arange(20)[::-1]
    other = Pairs(
        data.fingerprint,
        [data.pair_ids[k] for k in turned],
        data.occluded[turned],
        data.masks[turned],
        data.photographs,
        data.clean[turned],
        data.identities,
        data.attributes,
    )
    one, two = Validation(data, 6), Validation(other, 6)
    assert [data.pair_ids[k] for k in one.rows] == [other.pair_ids[k] for k in two.rows]
