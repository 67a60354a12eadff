"""What a proximal solver needs to know of a regulariser."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

__all__ = ["Regulariser"]


class Regulariser(Protocol):
    """A convex function R with a proximal map; it may keep state that makes the next call faster."""

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u)."""
        ...

    def value(self, x: Tensor) -> float:
        """Return R(x)."""
        ...
