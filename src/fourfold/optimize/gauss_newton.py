"""The iteratively regularised Gauss–Newton method for non-linear problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import torch
from torch import Tensor

from fourfold.optimize.conjugate_gradient import conjugate_gradient

__all__ = ["Linearise", "gauss_newton"]

Linearise: TypeAlias = Callable[[Tensor], tuple[Tensor, Callable[[Tensor], Tensor]]]
"""From x to the steepest descent direction Dᴴ(y − F(x)) and the map v ↦ DᴴD v, D being the derivative of F at x."""

# Of the linear problems' residuals, enough by the experience of Uecker et al. 2008: the next step corrects the rest.
_TOLERANCE = 0.1
_MOST_ITERATIONS = 100


def gauss_newton(
    linearise: Linearise, start: Tensor, weight: float = 1.0, ratio: float = 0.5
) -> Iterator[tuple[Tensor, int]]:
    """Solve F(x) ≈ y step by step; each minimises ‖D δ − (y − F(x))‖² + weight · ‖x + δ‖² (Bakushinskii 1992).

    The penalty falls from step to step, so that the number of steps regularises: the caller stops when it will.

    Parameters
    ----------
    linearise
        The problem around a solution.
    start
        First guess, a complex vector.
    weight
        Weight of the penalty in the first step.
    ratio
        Factor by which it falls from step to step.

    Yields
    ------
    tuple
        The solution after each step, without end, and the conjugate-gradient iterations of this step.
    """
    x = start
    while True:
        step, iterations = _solve(*linearise(x), x, weight)
        x = x + step
        yield x, iterations
        weight *= ratio


def _solve(descent: Tensor, normal: Callable[[Tensor], Tensor], x: Tensor, weight: float) -> tuple[Tensor, int]:
    """Return the step from `x`, and the conjugate-gradient iterations that it took."""
    return conjugate_gradient(
        lambda v: torch.add(normal(v), v, alpha=weight),
        torch.sub(descent, x, alpha=weight),
        iterations=_MOST_ITERATIONS,
        tolerance=_TOLERANCE,
    )
