"""Means of scalars over steps, summed where the scalars are: looking at each would make a GPU wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor


@dataclass
class _Sum:
    kind: str
    total: Tensor
    count: int


@dataclass
class Means:
    """Sums by name. A name that not every step has counts only where it comes."""

    _sums: dict[str, _Sum] = field(default_factory=dict)

    def add(self, kind: str, values: Mapping[str, Tensor]) -> None:
        """Add scalars of one step (or of a part of it)."""
        for name, value in values.items():
            entry = self._sums.setdefault(name, _Sum(kind, torch.zeros((), dtype=torch.float64, device=value.device), 0))
            assert entry.kind == kind, f"{name} is both a term and a report"
            entry.total = entry.total + value.detach()
            entry.count += 1

    def join(self, other: "Means") -> None:
        """Add the sums of others."""
        for name, entry in other._sums.items():
            own = self._sums.setdefault(name, _Sum(entry.kind, torch.zeros_like(entry.total), 0))
            own.total = own.total.to(entry.total.device) + entry.total
            own.count += entry.count

    def taken(self) -> dict[str, tuple[str, float]]:
        """Kind and mean, by name."""
        return {name: (entry.kind, float(entry.total) / entry.count) for name, entry in self._sums.items()}

    def document(self) -> dict[str, Any]:
        """Plain JSON data; sums that are not finite are left out."""
        return {
            name: [entry.kind, float(entry.total), entry.count]
            for name, entry in self._sums.items()
            if bool(torch.isfinite(entry.total))
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `document`."""
        return cls(
            {name: _Sum(str(k), torch.tensor(float(t), dtype=torch.float64), int(n)) for name, (k, t, n) in document.items()}
        )
