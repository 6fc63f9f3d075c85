"""Targets of an attribute head: CelebA's attributes where the data have them, or who it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from occbench.errors import UsageError
from occbench.pairs.paired import Pairs

# Of CelebA, the seven that OA-GAN's released code uses (Cai et al. 2021).
ATTRIBUTES = ("5_o_Clock_Shadow", "Goatee", "Mustache", "No_Beard", "Sideburns", "Male", "Young")


@dataclass(frozen=True, eq=False)
class Labels:
    """Targets of the pairs of a training split.

    Attributes:
        count: C, entries of a target.
        values: (N, C) float32 of 0 and 1 where targets are attributes; (N,) int64, the only entry that is 1, where they are people.
    """

    count: int
    values: npt.NDArray[np.float32] | npt.NDArray[np.int64]

    def of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The targets (B, C) float32 of some pairs (B,)."""
        values = self.values[rows]
        return np.asarray(values if values.ndim == 2 else values[:, None] == np.arange(self.count), dtype=np.float32)


def labels(pairs: Pairs, kind: str, attributes: Sequence[str] = ATTRIBUTES) -> Labels | None:
    """The targets of each pair.

    Args:
        pairs: of the training split.
        kind: `attributes`, `identity` (one-hot over the people of this split, in the order of their names), `none`, or `auto`:
            attributes where all pairs have them, else none.
        attributes: which ones, and in which order.

    Returns:
        None without targets.

    Raises:
        UsageError: attributes were asked for, and a pair lacks them.
    """
    if kind == "identity":
        people, numbers = np.unique(pairs.identities, return_inverse=True)
        return Labels(len(people), np.asarray(numbers, dtype=np.int64))
    if kind == "none":
        return None
    lacking = [k for k, known in enumerate(pairs.attributes) if not set(attributes) <= (known or {}).keys()]
    if not lacking:
        # CelebA's file says -1 and 1; others say 0 and 1.
        values = [[float(known[name]) > 0 for name in attributes] for known in pairs.attributes if known]
        return Labels(len(attributes), np.array(values, dtype=np.float32))
    if kind == "auto":
        return None
    raise UsageError(
        f"labels=attributes, but {len(lacking)} of {len(pairs)} pairs do not have {', '.join(attributes)}, "
        f"{pairs.pair_ids[lacking[0]]} for one: choose labels=identity or labels=none."
    )
