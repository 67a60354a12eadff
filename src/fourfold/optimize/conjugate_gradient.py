"""Conjugate gradient for Hermitian positive (semi-)definite systems."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fourfold.operators.linear_operator import norm

__all__ = ["conjugate_gradient"]


def conjugate_gradient(
    operator: Callable[[Tensor], Tensor],
    rhs: Tensor,
    start: Tensor | None = None,
    *,
    iterations: int = 30,
    tolerance: float = 1e-6,
    callback: Callable[[int, Tensor], None] | None = None,
) -> tuple[Tensor, int]:
    """Solve ``operator(x) = rhs`` (Hestenes & Stiefel 1952).

    Parameters
    ----------
    operator
        A Hermitian positive semi-definite map, for example `LinearOperator.normal`.
    rhs
        Complex tensor of any shape, treated as one vector.
    start
        First guess, zero when None.
    iterations
        At most so many applications of the operator.
    tolerance
        Stop when the residual's norm falls below this part of the norm of `rhs`.
    callback
        Called with the iteration (from 1) and the current solution.

    Returns
    -------
    tuple
        The solution and the number of iterations done.
    """
    x = torch.zeros_like(rhs) if start is None else start.clone()
    residual = rhs.clone() if start is None else rhs - operator(x)
    direction = residual.clone()
    energy = _energy(residual)
    enough = tolerance**2 * _energy(rhs)
    for iteration in range(1, iterations + 1):
        if energy <= enough:
            return x, iteration - 1
        image = operator(direction)
        curvature = float(torch.vdot(direction.flatten(), image.flatten()).real)
        if curvature <= 0:
            # The residual is so small that its energy underflows: nothing is left to solve.
            return x, iteration - 1
        step = energy / curvature
        x.add_(direction, alpha=step)
        residual.add_(image, alpha=-step)
        previous, energy = energy, _energy(residual)
        direction.mul_(energy / previous).add_(residual)
        if callback is not None:
            callback(iteration, x)
    return x, iterations


def _energy(x: Tensor) -> float:
    return norm(x) ** 2
