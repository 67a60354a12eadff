"""The data term that every solver minimises together with a regulariser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["DataTerm", "real_inner"]


def real_inner(x: Tensor, y: Tensor) -> float:
    """Return Re⟨x, y⟩."""
    return float(torch.vdot(x.flatten(), y.flatten()).real)


@dataclass(frozen=True)
class DataTerm:
    """f(x) = ½‖A x − y‖², known by AᴴA, Aᴴy and ½‖y‖².

    Attributes
    ----------
    normal
        x ↦ AᴴA x; its norm must not exceed 1, which holds for unit-norm coil maps and an orthonormal transform.
    rhs
        Aᴴ y, complex.
    energy
        ½‖y‖², which makes the objective that of the measured data; the minimum does not depend on it.
    """

    normal: Callable[[Tensor], Tensor]
    rhs: Tensor
    energy: float = 0.0

    def gradient(self, x: Tensor) -> Tensor:
        """Return AᴴA x − Aᴴy."""
        return self.normal(x) - self.rhs

    def value(self, x: Tensor) -> float:
        """Return f(x)."""
        return self.value_of(x, self.normal(x))

    def value_of(self, x: Tensor, normal: Tensor) -> float:
        """Return f(x), given AᴴA x."""
        return real_inner(x, normal) / 2 - real_inner(x, self.rhs) + self.energy
