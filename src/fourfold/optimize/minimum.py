"""The result of a minimisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

__all__ = ["Minimum"]


@dataclass(frozen=True, eq=False)
class Minimum:
    """The solution, with the solver and the iterations that led to it."""

    x: Tensor
    """The solution."""
    iterations: int
    """Iterations done."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Which solver, the final objective and the like; JSON types only."""
