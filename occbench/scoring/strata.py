"""What pairs are grouped by: occluder, variant, how much of the face is covered, how far it is turned, source, pose template."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from occbench.errors import InputError

Labels = npt.NDArray[Any]

# Lower edges; each bin holds its lower edge and not its upper one, the last is open.
COVERAGE_EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # covered part of the face's hull
YAW_EDGES = (0.0, 15.0, 30.0, 45.0)  # degrees, to either side


def _names(edges: tuple[float, ...]) -> tuple[str, ...]:
    return (*(f"{low:g}-{high:g}" for low, high in pairwise(edges)), f"{edges[-1]:g}+")


# Bins of each kind in the order in which they are shown; None stands for alphabetical order.
BINS: dict[str, tuple[str, ...] | None] = {
    "occluder": None,
    "variant": None,
    "coverage": _names(COVERAGE_EDGES),
    "yaw": _names(YAW_EDGES),
    "source": None,
    "pose_template": ("front", "three-quarter", "profile"),
}


def strata(pairs: pd.DataFrame) -> dict[str, Labels]:
    """The bin of every pair, for each kind of bins, in the order of `BINS`.

    Args:
        pairs: one row a pair, with the manifest's columns `occluder`, `variant`, `coverage`, `yaw`, `source`, and perhaps
            `pose_template`, empty where nobody has said it.

    Returns:
        Kind to (N,) texts: `occluder`; `variant` as `occluder/variant`; `coverage` as 0-0.1 to 0.5+; `yaw` as 0-15 to 45+, by its
        absolute value; `source`; and `pose_template` where any pair has one (others are in none of its bins).

    Raises:
        InputError: a coverage or yaw that is not a number.
    """
    occluder = pairs["occluder"].astype(str)
    found = {
        "occluder": occluder.to_numpy(dtype=object),
        "variant": (occluder + "/" + pairs["variant"].astype(str)).to_numpy(dtype=object),
        "coverage": _binned(pairs["coverage"], "coverage", COVERAGE_EDGES),
        "yaw": _binned(pairs["yaw"].abs(), "yaw", YAW_EDGES),
        "source": pairs["source"].astype(str).to_numpy(dtype=object),
    }
    if "pose_template" in pairs and pairs["pose_template"].astype(bool).any():
        found["pose_template"] = pairs["pose_template"].to_numpy(dtype=object)
    return found


def ordered(by: str, labels: Iterable[str]) -> list[str]:
    """The bins that occur among the labels, each once, in the order in which they are shown.

    Args:
        by: a key of `BINS`.
        labels: of that kind.
    """
    bins, found = BINS[by], set(labels)
    return sorted(found) if bins is None else [name for name in bins if name in found]


def _binned(column: "pd.Series[Any]", name: str, edges: tuple[float, ...]) -> Labels:
    values = column.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"The manifest has a {name} that is not a number, in row {int(np.argmin(np.isfinite(values)))}.")
    names = np.array(_names(edges), dtype=object)
    return np.asarray(names[np.clip(np.digitize(values, edges) - 1, 0, None)])
