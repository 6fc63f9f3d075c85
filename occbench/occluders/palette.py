"""Draws that several occluders make: one of a weighted list, and a colour that varies a little."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Colour = tuple[int, int, int]


def choose(rng: np.random.Generator, weighted: Sequence[tuple[T, float]]) -> T:
    """One of the values, by weights of any sum above 0; a weight of 0 is never chosen."""
    at = float(rng.random()) * sum(weight for _, weight in weighted)
    for value, weight in weighted:
        at -= weight
        if at < 0:
            return value
    return next(value for value, weight in reversed(weighted) if weight > 0)  # rounding ate the last crumb


def jitter(rng: np.random.Generator, colour: Colour, spread: float = 0.1) -> Colour:
    """The same RGB up to `spread` lighter or darker and up to 4 levels off in each channel, within 4..250."""
    factor, shift = float(rng.uniform(1 - spread, 1 + spread)), rng.integers(-4, 5, 3)
    r, g, b = (max(4, min(250, round(v * factor) + int(s))) for v, s in zip(colour, shift, strict=True))
    return (r, g, b)
