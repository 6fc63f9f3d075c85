"""Groups of pairs that are looked at by themselves: by what hides the face, how much of it, the head's turn, and the source."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

COVERAGE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # of the face's hull; the last bin is open
YAW = (0.0, 15.0, 30.0, 45.0)  # degrees to either side


def strata(frame: pd.DataFrame) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    """Every group that has pairs: what it is grouped by, its name, and (N,) bool which pairs belong to it.

    Args:
        frame: one row a pair with the columns occluder, variant, coverage, yaw and source.
    """
    occluder, variant = frame["occluder"].astype(str), frame["variant"].astype(str)
    yield from _named("occluder", occluder)
    yield from _named("variant", occluder + "/" + variant)
    yield from _binned("coverage", frame["coverage"].to_numpy(), COVERAGE, "{:.1f}")
    yield from _binned("yaw", frame["yaw"].abs().to_numpy(), YAW, "{:.0f}")
    yield from _named("source", frame["source"].astype(str))


def _named(by: str, labels: "pd.Series[Any]") -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    for label in sorted(set(labels)):
        yield by, label, (labels == label).to_numpy(dtype=np.bool_)


def _binned(
    by: str, values: npt.NDArray[np.float64], edges: tuple[float, ...], form: str
) -> Iterator[tuple[str, str, npt.NDArray[np.bool_]]]:
    """Bins that hold their lower edge."""
    for low, high in zip(edges, (*edges[1:], np.inf), strict=True):
        inside = (values >= low) & (values < high)
        if inside.any():
            yield by, f"{form.format(low)}-{form.format(high)}" if np.isfinite(high) else f"{form.format(low)}+", inside
