"""How well a run finds masks: `python bench/detect_masks.py --run RUN --data DATA --masked DIR --root LFW`.

* On the pairs of DATA's test split: overlap of masks (IoU, mean over pairs), and average precision of boxes (one is right that
  overlaps the true one by half or more; every clean photograph of the split is a chance for a false one).
* On real photographs: how many of `--masked` are called hidden, and how many of LFW's unmasked test photographs are (false alarms),
  as `occbench detect-mask` calls them.

Intervals are of 95 %: of people drawn again and again (pairs), and Wilson's (photographs).
"""

import argparse
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from occbench.faces import open_source
from occbench.metrics.occlusion import iou
from occbench.pairs.paired import Pairs, open_pairs
from occbench.restoration import apply, detection
from occbench.restoration.detection import probability
from occbench.restoration.inputs import Item, collect
from occbench.restoration.photo import locator
from occbench.restoration.trained import BATCH, Trained
from occbench.seeding import generator
from occbench.training.windows import boxes

Values = npt.NDArray[np.float64]

_DRAWS = 1000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--run", type=Path, required=True)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--masked", type=Path, required=True)
    options.add_argument("--root", type=Path, required=True)
    options.add_argument("--limit", type=int, help="unmasked photographs, and pairs")
    given = options.parse_args()
    run = Trained.open(given.run, "cpu")
    pairs_of(run, open_pairs(given.data, "test"), given.limit)
    photographs(run, given.masked, given.root, given.limit)


def pairs_of(run: Trained, pairs: Pairs, limit: int | None) -> None:
    count = min(len(pairs), limit or len(pairs))
    overlaps, scores, right = np.zeros(count), np.zeros(2 * count), np.zeros(2 * count, np.bool_)
    for first in range(0, count, BATCH):
        rows = np.arange(first, min(first + BATCH, count))
        for kind, seen in enumerate((pairs.occluded[rows], pairs.photographs[pairs.clean[rows]])):
            told = apply(run, np.ascontiguousarray(seen), None).masks
            assert told is not None
            for row, mask in zip(rows, told, strict=True):
                scores[2 * row + kind] = probability(mask)
                if kind == 0:
                    overlaps[row] = iou(mask, pairs.masks[row])
                    right[2 * row] = overlap(box(mask), box(pairs.masks[row])) >= 0.5
    people, number = np.unique(np.array(pairs.identities[:count]), return_inverse=True)
    of_person = [np.flatnonzero(number == k) for k in range(len(people))]
    drawn = []
    for k in range(_DRAWS):
        rows = np.concatenate([of_person[p] for p in generator(0, "detection", k).integers(0, len(people), len(people))])
        drawn.append((overlaps[rows].mean(), average_precision(scores, right, rows)))
    low, high = np.percentile(np.array(drawn), [2.5, 97.5], axis=0)
    print(f"{count} pairs of {len(people)} people")
    print(f"IoU of masks                  {overlaps.mean():.3f} [{low[0]:.3f}, {high[0]:.3f}]")
    print(f"average precision of boxes    {average_precision(scores, right, np.arange(count)):.3f} [{low[1]:.3f}, {high[1]:.3f}]")


def box(mask: npt.NDArray[np.uint8]) -> Values:
    return boxes(torch.from_numpy((mask >= 128).astype(np.float32))[None, None])[0].double().numpy()


def overlap(one: Values, other: Values) -> float:
    """Intersection over union of two boxes; 0 where one is empty."""
    inside = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    areas = [np.clip(b[2:] - b[:2], 0, None).prod() for b in (one, other)]
    return float(inside / max(sum(areas) - inside, 1e-9))


def average_precision(scores: Values, right: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64]) -> float:
    """Area under precision over recall, of one detection a photograph; occluded ones at even places, clean ones at odd."""
    at = np.concatenate([2 * rows, 2 * rows + 1])
    order = at[np.argsort(-scores[at], kind="stable")]
    true = np.cumsum(right[order])
    precision = np.maximum.accumulate((true / np.arange(1, len(order) + 1))[::-1])[::-1]
    return float(precision[right[order]].sum() / len(rows))


def photographs(run: Trained, masked: Path, root: Path, limit: int | None) -> None:
    source = open_source("lfw", root)
    test = [face.image_id for face in source.faces() if face.split == "test"][: limit or None]
    free = [Item("lfw", image_id, source.locate(image_id), image_id) for image_id in test]
    for name, items in (("real masked photographs", collect([masked], None)), ("unmasked of LFW test", free)):
        found = detection.run(items, run, locator(), run.size).document()
        hidden, count = found["hidden"], found["photographs"]
        low, high = wilson(hidden, count)
        print(
            f"{name:29} {hidden} of {count} hidden = {100 * hidden / count:.1f} % [{100 * low:.1f}, {100 * high:.1f}]; "
            f"a face was found in {found['faces']}"
        )


def wilson(successes: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share (Wilson 1927)."""
    share = successes / count
    middle, half = share + z * z / (2 * count), z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


if __name__ == "__main__":
    main()
