"""Photographs of a run, some at a time: those that its record does not know yet."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from occbench import images
from occbench.errors import Rejected
from occbench.restoration import Image
from occbench.restoration.inputs import Item
from occbench.restoration.record import Record

ON_SHEET = 48  # the first that are no rejects

_TOGETHER = 8  # photographs a batch,
_PIXELS = 1 << 26  # or fewer, if they are large: they wait in memory

Seen = TypeVar("Seen")


def batches(
    items: Sequence[Item],
    look: Callable[[Item, Image], Seen],
    record: Record,
    sheet: bool,
    progress: Callable[[int, int], None],
) -> Iterator[list[tuple[Item, Seen]]]:
    """What is to be done. Photographs that cannot be used go into the record.

    Args:
        items: all photographs of the run.
        look: at a photograph, (H, W, 3) uint8 RGB; may raise `Rejected`.
        record: of the run. Whoever takes a batch adds its answers.
        sheet: those that are shown on a sheet are done again, even if they are known.
        progress: called with how many photographs, and how many rejects, have been done.
    """
    batch: list[tuple[Item, Seen]] = []
    pixels, shown = 0, ON_SHEET if sheet else 0
    for item in items:
        known = record.answers.get(item.name)
        if known is not None and ("reason" in known or shown <= 0):
            progress(1, int("reason" in known))
            continue
        try:
            photo = images.decode(images.read_bytes(item.path))
            batch.append((item, look(item, photo)))
        except Rejected as rejected:
            record.add({item.name: {"reason": rejected.reason, "detail": rejected.detail}})
            progress(1, 1)
            continue
        shown -= 1
        pixels += photo.shape[0] * photo.shape[1]
        if len(batch) == _TOGETHER or pixels >= _PIXELS:
            yield batch
            progress(len(batch), 0)
            batch, pixels = [], 0
    if batch:
        yield batch
        progress(len(batch), 0)
