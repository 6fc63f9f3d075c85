"""Is it still the same person? Similarity of face descriptors, and verification on pairs that are the same for all methods."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from occbench.metrics import Metric, Region
from occbench.seeding import generator
from occbench.weights import WEIGHTS

Array = npt.NDArray[np.float64]

DISTANCE = 0.6  # below which dlib calls two descriptors one person
FAR = 0.01
_FEWEST = 30  # pairs of one person that an accuracy needs; a rate needs 1 / FAR of different ones too

_DLIB = f"dlib-resnet-v1,128,{WEIGHTS['dlib-descriptor'].mark}|chip:150,5-points-of-clean"
_PAIRS = "pairs:restored-vs-other-clean-photo,one-each,same+different,drawn-by-seed"


def _declared(
    name: str, about: str, regions: tuple[Region, ...], kind: Literal["image", "set"], how: str, lowest: float = 0.0
) -> Metric:
    return Metric(
        name=name,
        about=about,
        higher_is_better=True,
        lowest=lowest,
        highest=1.0,
        regions=regions,
        kind=kind,
        signature=f"{name}|features:{_DLIB}|{how}|v1",
        weights="dlib-descriptor",
    )


IDENTITY_COSINE = _declared(
    "identity_cosine",
    "Cosine of the face descriptors of restoration and clean photograph.",
    ("full", "mask"),
    "image",
    "mask:composite|mean-of-images",
    -1.0,
)
VERIFICATION_ACCURACY = _declared(
    "verification_accuracy",
    "Share of right answers to the question whether two photographs show one person.",
    ("full",),
    "set",
    f"{_PAIRS}|threshold:distance<{DISTANCE}",
)
VERIFICATION_TAR = _declared(
    "verification_tar",
    "Share of restored photographs recognised where 1 % of strangers are.",
    ("full",),
    "set",
    f"{_PAIRS}|FAR:at-most-{FAR}-of-clean-pairs",
)


def embedding_cosine(signature: str) -> Metric:
    """The declaration of the same cosine on another embedder, which `signature` names."""
    return Metric(
        name="embedding_cosine",
        about="Cosine of an ONNX embedder's vectors of restoration and clean photograph.",
        higher_is_better=True,
        lowest=-1.0,
        highest=1.0,
        regions=("full", "mask"),
        kind="image",
        signature=f"embedding_cosine|{signature}|mask:composite|mean-of-images|v1",
        default=False,
    )


@dataclass(frozen=True)
class Pairs:
    """Pairs of a restored and a clean photograph.

    Attributes:
        probe: (P,) which restoration.
        gallery: (P,) which clean photograph, by the number of a pair that shows it.
        same: (P,) bool: one person.
    """

    probe: npt.NDArray[np.int64]
    gallery: npt.NDArray[np.int64]
    same: npt.NDArray[np.bool_]


def cosine(a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Cosine similarity (N,) of rows (N, D) and (N, D), from -1 to 1; NaN for a row of zeros."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    norms = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))  # one root: a row and itself give 1 exactly
    found = np.divide((x * y).sum(axis=1), norms, out=np.full(len(x), np.nan), where=norms > 0)
    return np.asarray(np.clip(found, -1, 1))


def verification_pairs(pair_ids: Sequence[str], identities: Sequence[str], image_ids: Sequence[str], seed: int) -> Pairs:
    """For every restoration, another photograph of the same person, where there is one, and then one of somebody else.

    Each draw depends on the seed, the pair id and what photographs there are, never on a method or an order.

    Args:
        pair_ids, identities, image_ids: of the split's pairs.
        seed: of the draws.
    """
    first: dict[tuple[str, str], int] = {}
    for number in np.argsort(np.array(pair_ids), kind="stable").tolist():
        first.setdefault((identities[number], image_ids[number]), number)
    photographs: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for (identity, image), number in sorted(first.items()):
        photographs[identity].append((image, number))
    people = sorted(photographs)
    probe, gallery, same = [], [], []
    for number, (pair, identity, image) in enumerate(zip(pair_ids, identities, image_ids, strict=True)):
        others = [at for name, at in photographs[identity] if name != image]
        if not others or len(people) < 2:
            continue
        rng = generator(seed, "verification", pair)
        stranger = people[bisect_left(people, identity) - int(rng.integers(1, len(people)))]
        somebody = photographs[stranger]
        probe += [number, number]
        gallery += [others[int(rng.integers(len(others)))], somebody[int(rng.integers(len(somebody)))][1]]
        same += [True, False]
    return Pairs(np.array(probe, dtype=np.int64), np.array(gallery, dtype=np.int64), np.array(same, dtype=np.bool_))


def accuracy(distances: npt.ArrayLike, same: npt.NDArray[np.bool_]) -> Array:
    """1 where the fixed threshold answers right, else 0; (P,)."""
    return np.asarray((np.asarray(distances) < DISTANCE) == same, dtype=np.float64)


def accepted(distances: npt.ArrayLike, strangers: npt.ArrayLike) -> Array:
    """1 where a distance (P,) is below the largest threshold that lets at most `FAR` of the strangers (S,) in, else 0; (P,).

    That threshold is the stranger's distance of rank `floor(FAR · S) + 1`. With fewer than 1 / `FAR` strangers there is none: NaN.
    """
    apart, ordered = np.asarray(distances), np.sort(np.asarray(strangers, dtype=np.float64))
    allowed = int(FAR * len(ordered) + 1e-9)  # 0.01 · 100 must not fall short of 1
    if allowed < 1:
        return np.full(apart.shape, np.nan)
    return np.asarray(apart < ordered[allowed], dtype=np.float64)


def too_few(pairs: Pairs, *, rate: bool = False) -> str | None:
    """Why verification says nothing here, or None; `rate` asks for what `accepted` needs, else for what `accuracy` does."""
    count, fewest = int(pairs.same.sum()), round(1 / FAR) if rate else _FEWEST
    if count >= fewest:
        return None
    return f"only {count} restorations show people of whom the split has another photograph ({fewest} are needed)"
