"""Batches are a function of seed and step."""

import dataclasses
import threading
from collections.abc import Callable
from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from occbench.errors import UsageError
from occbench.pairs.labels import Labels
from occbench.pairs.natural import Natural
from occbench.pairs.paired import Pairs
from occbench.training import Batch
from occbench.training.feed import Feed, Share, scaled
from occbench.training.recipe import Augment, resolve

Make = Callable[..., Pairs]


def feed(pairs: Pairs, *changes: str, share: Share | None = None, natural: Natural | None = None, seed: int = 3) -> Feed:
    settings = resolve("context-encoder", changes=["size=32", "batch_size=4", *changes]).settings
    sees = SimpleNamespace(sees_natural=lambda moment: moment.step % 2 == 0, sees_others=True)
    numbers = Labels(5, np.arange(len(pairs)) % 5)
    return Feed(pairs, natural, numbers, sees, settings, seed, torch.device("cpu"), share or Share())  # type: ignore[arg-type]


def who(batch: Batch) -> list[int]:
    """Numbers of the pairs of a batch."""
    return [round(value * 255) for value in batch.clean[:, 0, 0, 0].tolist()]


def content(batch: Batch) -> list[Any]:
    return [
        batch.occluded,
        batch.clean,
        batch.mask,
        batch.labels,
        batch.others[0] if batch.others else None,
        batch.rng.initial_seed(),
    ]


def equal(one: list[Any], other: list[Any]) -> bool:
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda", True)])
def test_batches_for_a_gpu_are_read_into_pinned_memory(
    pairs: Make, monkeypatch: pytest.MonkeyPatch, device: str, pinned: bool
) -> None:
    """From other memory nothing is copied while the GPU computes, whatever `non_blocking` says."""
    seen: list[torch.Tensor] = []

    def pin(self: torch.Tensor) -> torch.Tensor:
        seen.append(self)
        return self

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    plan = dataclasses.replace(feed(pairs(8, 32)), device=torch.device(device))
    read = [value for part in plan._read(plan.moment(1)) for value in part.values() if isinstance(value, torch.Tensor)]
    assert len(seen) == (len(read) if pinned else 0)


def test_an_epoch_shows_each_pair_at_most_once(pairs: Make) -> None:
    seen = [k for moment, (batch,) in feed(pairs(19, 32)).batches(1, 4) for k in who(batch)]
    assert len(seen) == len(set(seen)) == 16


def test_another_epoch_has_another_order(pairs: Make) -> None:
    found = [who(batch) for moment, (batch,) in feed(pairs(16, 32)).batches(1, 8)]
    assert sorted(chain(*found[:4])) == sorted(chain(*found[4:])) == list(range(16))
    assert found[:4] != found[4:]


def test_another_seed_has_another_order(pairs: Make) -> None:
    one, two = (next(feed(pairs(16, 32), seed=seed).batches(1, 1))[1][0] for seed in (1, 2))
    assert who(one) != who(two)


@pytest.mark.parametrize("workers", [2, 5])
def test_batches_do_not_depend_on_the_number_of_workers(pairs: Make, workers: int) -> None:
    data = pairs(16, 48)
    changes = ("augment.crop=true", "augment.flip=true")
    alone = [content(batch) for _, (batch,) in feed(data, *changes).batches(1, 6, 1)]
    together = [content(batch) for _, (batch,) in feed(data, *changes).batches(1, 6, workers)]
    assert all(map(equal, alone, together))


def test_batches_do_not_depend_on_where_one_begins(pairs: Make) -> None:
    data = pairs(16, 48)
    whole = [content(batch) for _, (batch,) in feed(data, "augment.crop=true").batches(1, 9)]
    late = [content(batch) for _, (batch,) in feed(data, "augment.crop=true").batches(6, 9)]
    assert all(map(equal, whole[5:], late))


def test_moments_count_epochs_and_iterations_from_one(pairs: Make) -> None:
    moments = [moment for moment, _ in feed(pairs(10, 32)).batches(1, 5)]
    assert [(m.step, m.epoch, m.iteration) for m in moments] == [(1, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2), (5, 3, 1)]


def test_a_window_is_the_same_for_all_images_of_a_pair(pairs: Make) -> None:
    """Channels 1 and 2 hold column and row, the mask the column."""
    offsets = set()
    for _, (batch,) in feed(pairs(16, 48), "augment.crop=true").batches(1, 4):
        assert batch.clean.shape == (4, 3, 32, 32)
        assert torch.equal(batch.clean, batch.occluded)
        assert torch.equal(batch.clean[:, 1:2], batch.mask)
        columns = batch.clean[:, 1] * 255
        assert torch.allclose(columns.diff(dim=-1), torch.ones(4, 32, 31), atol=1e-3)
        offsets |= {(round(float(c[0, 0])), round(float(r[0, 0]) * 255)) for c, r in zip(columns, batch.clean[:, 2], strict=True)}
    assert len(offsets) > 8
    assert all(0 <= x <= 16 and 0 <= y <= 16 for x, y in offsets)


def test_mirroring_turns_all_images_of_a_pair(pairs: Make) -> None:
    turned = []
    for _, (batch,) in feed(pairs(16, 32), "augment.flip=true").batches(1, 4):
        assert torch.equal(batch.clean[:, 1:2], batch.mask)
        assert torch.equal(batch.clean, batch.occluded)
        turned += [bool(first[0] > first[-1]) for first in batch.clean[:, 1, 0]]
    assert 2 < sum(turned) < 14


def test_larger_pictures_are_scaled_without_a_window(pairs: Make) -> None:
    _, (batch,) = next(feed(pairs(8, 64)).batches(1, 1))
    assert batch.clean.shape == (4, 3, 32, 32)
    assert who(batch) == [round(float(image.mean() * 255)) for image in batch.clean[:, 0]]


def test_pictures_of_the_right_size_are_left_alone() -> None:
    images = torch.rand(2, 3, 32, 32)
    assert scaled(images, 32) is images


def test_parts_of_a_batch_are_the_batch(pairs: Make) -> None:
    data = pairs(16, 32)
    whole = [who(batch) for _, (batch,) in feed(data).batches(1, 4)]
    parts = [list(chain(*map(who, found))) for _, found in feed(data, "accumulate=2").batches(1, 4)]
    assert whole == parts


def test_shares_of_a_batch_are_the_batch(pairs: Make) -> None:
    data = pairs(16, 32)
    whole = [who(batch) for _, (batch,) in feed(data).batches(1, 4)]
    shares = [[who(batch) for _, (batch,) in feed(data, share=Share(rank, 2)).batches(1, 4)] for rank in range(2)]
    assert whole == [one + two for one, two in zip(*shares, strict=True)]


def test_labels_belong_to_their_pairs(pairs: Make) -> None:
    for _, (batch,) in feed(pairs(16, 32)).batches(1, 4):
        assert batch.labels is not None
        assert batch.labels.argmax(1).tolist() == [k % 5 for k in who(batch)]
        assert batch.others is not None
        assert batch.others[1] is not None
        others = [round(value * 255) for value in batch.others[0][:, 0, 0, 0].tolist()]
        assert batch.others[1].argmax(1).tolist() == [k % 5 for k in others]


def test_natural_photographs_come_when_they_are_due(pairs: Make) -> None:
    natural = Natural(np.full((3, 32, 32, 3), 200, np.uint8), 0, "n")
    found = [batch.natural is not None for _, (batch,) in feed(pairs(16, 32), natural=natural).batches(1, 4)]
    assert found == [False, True, False, True]


def test_parts_draw_for_themselves(pairs: Make) -> None:
    _, parts = next(feed(pairs(16, 32), "accumulate=2").batches(1, 1))
    assert parts[0].rng.initial_seed() != parts[1].rng.initial_seed()


def test_fewer_pairs_than_a_batch_are_refused(pairs: Make) -> None:
    with pytest.raises(UsageError, match="batch_size"):
        feed(pairs(3, 32))


def test_batches_that_cannot_be_shared_are_refused(pairs: Make) -> None:
    with pytest.raises(UsageError, match="multiple"):
        feed(pairs(16, 32), share=Share(0, 3))


def test_augmentation_is_off_by_default() -> None:
    assert Augment() == Augment(crop=False, flip=False)


@pytest.mark.parametrize(("batch_size", "expected"), [(16, 1_539), (32, 769)])
def test_v2_1_steps_an_epoch(batch_size: int, expected: int) -> None:
    """24,633 pairs, none of which is read; the last, smaller batch is left out."""

    class Many:
        size = 128

        def __len__(self) -> int:
            return 24_633

    assert feed(Many(), f"batch_size={batch_size}").iterations == expected  # type: ignore[arg-type]


@given(count=st.integers(4, 60), batch_size=st.integers(1, 4), seed=st.integers(-5, 2**40), epoch=st.integers(1, 1000))
@settings(max_examples=40, deadline=None)
def test_epochs_are_samples_without_repetition(pairs: Make, count: int, batch_size: int, seed: int, epoch: int) -> None:
    made = feed(pairs(count, 8), f"batch_size={batch_size}", seed=seed)
    first = (epoch - 1) * made.iterations
    rows = np.concatenate([made.rows(made.moment(first + k)) for k in range(1, made.iterations + 1)])
    assert len(rows) == made.iterations * batch_size == len(set(rows.tolist()))
    assert set(rows.tolist()) <= set(range(count))


def test_over_epochs_every_pair_has_its_turn(pairs: Make) -> None:
    """Though each epoch leaves three of them out."""
    assert {k for _, (batch,) in feed(pairs(7, 32)).batches(1, 12) for k in who(batch)} == set(range(7))


def test_values_run_from_0_to_1() -> None:
    images = np.stack([np.zeros((4, 32, 32, 3), np.uint8), np.full((4, 32, 32, 3), 255, np.uint8)], axis=1).reshape(8, 32, 32, 3)
    names = [str(k) for k in range(8)]
    data = Pairs("0", names, images, images[..., 0], images, np.arange(8), names, [None] * 8)
    found = {float(v) for _, (b,) in feed(data).batches(1, 2) for t in (b.clean, b.occluded, b.mask) for v in t.unique()}
    assert found == {0.0, 1.0}


def test_natural_photographs_repeat_only_where_there_are_too_few(pairs: Make) -> None:
    number = np.arange(9, dtype=np.uint8)[:, None, None, None]
    natural = Natural(np.broadcast_to(number, (9, 32, 32, 3)), 0, "n")
    for _, (batch,) in feed(pairs(16, 32), natural=natural).batches(2, 2):
        assert batch.natural is not None
        assert len({float(image[0, 0, 0]) for image in batch.natural}) == 4


def test_a_reader_that_stops_early_leaves_no_thread(pairs: Make) -> None:
    before = threading.active_count()
    batches = feed(pairs(16, 32)).batches(1, 1000, 3)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_colours_change_alike_and_masks_do_not(pairs: Make) -> None:
    """Occluded and clean picture of these pairs are equal, and stay so; other pairs get other colours."""
    data = pairs(16, 32)
    plain, coloured = (next(feed(data, f"augment.colour={by}").batches(1, 1))[1][0] for by in (0, 0.3))
    assert torch.equal(coloured.occluded, coloured.clean)
    assert torch.equal(coloured.mask, plain.mask)
    assert coloured.clean.min() >= 0
    assert coloured.clean.max() <= 1
    change = (coloured.clean - plain.clean).mean((1, 2, 3))
    assert len({round(value, 4) for value in change.tolist()}) == len(change)


def test_colours_leave_the_other_draws_alone(pairs: Make) -> None:
    data = pairs(16, 48)
    flips = ("augment.crop=true", "augment.flip=true")
    plain, coloured = (next(feed(data, *flips, *more).batches(1, 1))[1][0] for more in ((), ("augment.colour=0.2",)))
    assert torch.equal(plain.mask, coloured.mask)
