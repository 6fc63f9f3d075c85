"""Splits by identity: no person is in two of them, and nobody moves when others join or when a seed changes."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from occbench.errors import InputError

FRACTIONS: Mapping[str, float] = MappingProxyType({"train": 0.8, "val": 0.1, "test": 0.1})
_SALT = b"occbench split 1\n"  # fixed for ever: another salt would move people between published splits


def by_identity(identities: Iterable[str], fractions: Mapping[str, float] = FRACTIONS) -> dict[str, str]:
    """A split for each identity.

    An identity's hash puts it at a position in [0, 1), where the splits lie end to end, the last first. So it stays where it is
    whoever else is there. One exception: where there are at least as many identities as splits, a split that would stay empty takes
    the identity whose position is nearest to it, from a split that can spare one.

    Args:
        identities: in any order, with repetitions.
        fractions: split to its share, above 0; the shares are taken relative to their sum.
    """
    places = _places(fractions)
    positions = {identity: _position(identity) for identity in sorted(set(identities))}
    assigned = {
        identity: next((split for split, (_, end) in places.items() if at < end), next(iter(fractions)))
        for identity, at in positions.items()
    }
    if len(assigned) >= len(fractions):
        for split, (start, end) in places.items():
            if split not in assigned.values():
                sizes = Counter(assigned.values())
                spare = (identity for identity in assigned if sizes[assigned[identity]] > 1)
                _, nearest = min((max(start - positions[identity], positions[identity] - end), identity) for identity in spare)
                assigned[nearest] = split
    return assigned


def cut_validation(identities: Iterable[str], fraction: float = 0.1) -> dict[str, str]:
    """`train` or `val` for each identity of a training set that comes without a validation part; as `by_identity` does it."""
    return by_identity(identities, {"train": 1.0 - fraction, "val": fraction})


def overlaps(people: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Identities that are in more than one split, with these splits; both sorted.

    Args:
        people: (identity, split), in any order, with repetitions.
    """
    first: dict[str, str] = {}
    several: dict[str, set[str]] = {}
    for identity, split in people:
        if first.setdefault(identity, split) != split:
            several.setdefault(identity, {first[identity]}).add(split)
    return {identity: sorted(several[identity]) for identity in sorted(several)}


def assert_disjoint(people: Iterable[tuple[str, str]], where: str) -> None:
    """Refuse (identity, split) pairs in which somebody is in two splits.

    Args:
        people: (identity, split), in any order, with repetitions.
        where: the file or folder that says so, for the message.

    Raises:
        InputError: names the first identity and its splits.
    """
    several = overlaps(people)
    if several:
        identity, splits = next(iter(several.items()))
        others = f" and {len(several) - 1} others" if len(several) > 1 else ""
        raise InputError(f"{where}: {identity!r}{others} in more than one split ({', '.join(splits)}). Put each identity into one.")


def _places(fractions: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    start, total = 0.0, sum(fractions.values())
    for split in reversed(list(fractions)):
        places[split] = (start, start + fractions[split] / total)
        start = places[split][1]
    return places


def _position(identity: str) -> float:
    digest = hashlib.sha256(_SALT + unicodedata.normalize("NFC", identity).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48  # 48 bits: exact in a float
