"""How close synthetic occlusions come to real ones: `python bench/realism.py --data DATA --real DIR`.

Kernel distances (KID of VGG-16's relu4_3 and relu5_3, averaged over the picture) between real occluded photographs and

* the clean photographs of DATA: how far the two sets are apart to begin with;
* the pairs of DATA;
* the reference: the same clean photographs with the pixels of real photographs, aligned alike, blended in with the pairs' own
  masks: real masks or sunglasses in the same outlines, before the same people. A yardstick, not a bound, for what it borrows does
  not end where the outline does;
* half of the real photographs, compared with the other half: what nothing can be below.

YuNet finds and aligns all faces. The deviation is that of 200 drawings of both sets, with replacement: a rough one.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import common
import numpy as np
import numpy.typing as npt
import torch

from occbench.errors import Rejected
from occbench.images import decode, read_bytes
from occbench.landmarks.alignment import crop
from occbench.landmarks.locate import Locator
from occbench.metrics.kid import kid
from occbench.metrics.vgg import Features
from occbench.pairs.paired import open_pairs
from occbench.restoration.photo import align, locator

Images = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]

_SIZE = 128
_DRAWS = 200


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="pairs of one kind of occluder")
    options.add_argument("--real", type=Path, default=common.SHARED / "data" / "natural" / "masked", help="default: %(default)s")
    options.add_argument("--split", default="test")
    options.add_argument("--pairs", type=int, default=300, help="how many, spread over the split (default: %(default)s)")
    given = options.parse_args()
    with locator(("yunet",)) as find:
        real = np.array([face for face, _, _ in aligned(find, photographs(given.real))])
        data = open_pairs(given.data, given.split)
        rows = np.unique(np.linspace(0, len(data) - 1, min(given.pairs, len(data))).astype(int))
        pairs = list(aligned(find, ((data.occluded[k], data.masks[k], data.photographs[data.clean[k]]) for k in rows)))
    if min(len(real), len(pairs)) < 4:
        raise SystemExit(f"YuNet found {len(real)} faces in {given.real} and {len(pairs)} in {given.data}: too few to compare.")
    drawn, hidden, clean = (np.stack(planes) for planes in zip(*pairs, strict=True))
    share = hidden[..., :1] / 255
    others = real[np.random.default_rng(0).integers(len(real), size=len(drawn))]
    pasted = np.rint(others * share + clean * (1 - share)).astype(np.uint8)
    seen = features(real)
    print(f"{len(real)} real photographs, {len(drawn)} of {len(rows)} pairs")
    found = {}
    for name, faces in (("clean photographs", clean), ("pairs", drawn), ("reference: real pixels in their place", pasted)):
        found[name], deviation = distance(seen, features(faces))
        print(f"{name:40s} {found[name]:.3f} ± {deviation:.3f}")
    print(f"{'half of the real photographs':40s} {kid(seen[::2], seen[1::2]):.3f}")
    print(f"pairs are {found['pairs'] / found['reference: real pixels in their place']:.2f} times as far as the reference")


def photographs(folder: Path) -> Iterable[tuple[Images, ...]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            image = decode(read_bytes(path))
            yield image, np.zeros(image.shape[:2], np.uint8), image


def aligned(find: Locator, seen: Iterable[tuple[Images, ...]]) -> Iterable[tuple[Images, ...]]:
    """Crops (S, S, 3) of photographs that show a face, of their masks, and of what they show without; by the photograph's face."""
    for image, mask, clean in seen:
        try:
            face = align(image, None, find, _SIZE)
        except Rejected:
            continue
        others = (crop(plane, face.matrix, _SIZE, _SIZE, mirrored=False) for plane in (np.dstack([mask] * 3), clean))
        yield face.crop, *others


@torch.inference_mode()
def features(faces: Images) -> Values:
    """(N, 1024) of faces (N, S, S, 3)."""
    network = Features(("relu4_3", "relu5_3"))
    parts = []
    for first in range(0, len(faces), 32):
        batch = torch.from_numpy(faces[first : first + 32]).permute(0, 3, 1, 2).float() / 255
        parts.append(torch.cat([tap.mean((2, 3)) for tap in network(batch).values()], 1))
    return np.asarray(torch.cat(parts).double())


def distance(real: Values, made: Values) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    drawn = [kid(*(x[rng.integers(len(x), size=len(x))] for x in (real, made))) for _ in range(_DRAWS)]
    return kid(real, made), float(np.std(drawn))


if __name__ == "__main__":
    main()
