"""The least-squares data term that solvers minimise, weights are chosen by, and networks are fitted with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

__all__ = ["LeastSquares", "least_squares", "real_inner"]

Value = TypeVar("Value", float, Tensor)


def real_inner(x: Tensor, y: Tensor) -> float:
    """Return Re⟨x, y⟩."""
    return float(torch.vdot(x.flatten(), y.flatten()).real)


@dataclass(frozen=True, eq=False)
class LeastSquares(Generic[Value]):
    """f(x) = ½‖A x − y‖², known by AᴴA, Aᴴy and ‖y‖²; `least_squares` makes one."""

    normal: Callable[[Tensor], Tensor]
    """x ↦ AᴴA x; its norm must not exceed 1, which holds for unit-norm coil maps and an orthonormal transform."""
    rhs: Tensor
    """Aᴴ y, complex."""
    energy: Value
    """‖y‖²: a number, or one for each of several independent problems. The minimum does not depend on it."""
    inner: Callable[[Tensor, Tensor], Value]
    """x, y ↦ Re⟨x, y⟩: a number, or one for each problem."""

    def gradient(self, x: Tensor) -> Tensor:
        """Return AᴴA x − Aᴴy."""
        return self.normal(x) - self.rhs

    def value(self, x: Tensor) -> Value:
        """Return f(x)."""
        return self.value_of(x, self.normal(x))

    def value_of(self, x: Tensor, normal: Tensor) -> Value:
        """Return f(x), given AᴴA x."""
        return self.inner(x, normal) / 2 - self.inner(x, self.rhs) + self.energy / 2

    def value_and_gradient(self, x: Tensor) -> tuple[Value, Tensor]:
        """Return f(x) and its gradient, by one AᴴA."""
        gradient = self.gradient(x)
        return 0.5 * (self.energy + self.inner(x, gradient - self.rhs)), gradient

    def relative_error(self, x: Tensor) -> Value:
        """Return ‖A x − y‖² / ‖y‖², by one AᴴA."""
        return 1 + self.inner(x, self.normal(x) - 2 * self.rhs) / self.energy


def least_squares(normal: Callable[[Tensor], Tensor], rhs: Tensor, energy: float = 0.0) -> LeastSquares[float]:
    """Return the data term of one problem.

    Parameters
    ----------
    normal, rhs, energy
        As in `LeastSquares`; without the energy the values of f lack a constant.
    """
    return LeastSquares(normal, rhs, energy, real_inner)
