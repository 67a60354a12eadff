"""The alternating direction method of multipliers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from fourfold.operators.linear_operator import norm
from fourfold.optimize.conjugate_gradient import conjugate_gradient
from fourfold.optimize.iterate import Iterate
from fourfold.optimize.least_squares import LeastSquares
from fourfold.regularisers.regulariser import Analysis

__all__ = ["admm_iterates"]

INNER_ITERATIONS = 3
INNER_TOLERANCE = 1e-6
RELAXATION = 1.6
# The penalty follows the residuals every so many iterations, while they differ by more than the factor.
BALANCE_EVERY, BALANCE_FACTOR = 5, 2.0
LAST_BALANCE = 100


def admm_iterates(data: LeastSquares[float], analysis: Analysis, weight: float, state: Tensor) -> Iterator[Iterate]:
    """Yield the iterates of ADMM on ½‖A x − y‖² + weight · g(v) with K z = v (Boyd et al. 2011, Section 3).

    The linear system AᴴA + penalty · KᴴK is solved by a few conjugate gradient steps from the previous solution. The
    penalty balances the relative primal and dual residuals (Wohlberg 2017, arXiv:1704.06209), so that none needs to
    be chosen; it is kept after `LAST_BALANCE` iterations, from where convergence is proven. Over-relaxed.

    Parameters
    ----------
    data
        The data term.
    analysis
        R(x) = min g(K z).
    weight
        Weight of R.
    state
        First guess of z (1 + auxiliary, …).
    """
    operator, penalty = analysis.operator, 1 / analysis.squared_norm
    mapped = operator.forward(state)
    # As an iteration leaves them: from split = K z, a first guess that fits the data (a single coil) would not move.
    split = analysis.shrink(mapped, weight / penalty)
    multiplier = mapped - split
    iteration = 0
    while True:
        iteration += 1
        rhs = penalty * operator.adjoint(split - multiplier)
        rhs[0] += data.rhs
        state, _ = conjugate_gradient(
            lambda z: _system(data, analysis, penalty, z),  # noqa: B023  # used before the penalty moves
            rhs,
            state,
            iterations=INNER_ITERATIONS,
            tolerance=INNER_TOLERANCE,
        )
        mapped = operator.forward(state)
        previous = split
        relaxed = torch.lerp(previous, mapped, RELAXATION)
        split = analysis.shrink(relaxed + multiplier, weight / penalty)
        multiplier = multiplier + relaxed - split
        yield _iterate(analysis, state, mapped, multiplier, penalty)
        if iteration <= LAST_BALANCE and iteration % BALANCE_EVERY == 0:
            factor = _imbalance(analysis, mapped, split, previous, multiplier)
            if not 1 / BALANCE_FACTOR <= factor <= BALANCE_FACTOR:
                penalty *= factor
                multiplier = multiplier / factor


def _system(data: LeastSquares[float], analysis: Analysis, penalty: float, state: Tensor) -> Tensor:
    """Return (AᴴA ⊕ 0 + penalty · KᴴK) z."""
    result = penalty * analysis.operator.normal(state)
    result[0] += data.normal(state[0])
    return result


def _imbalance(analysis: Analysis, mapped: Tensor, split: Tensor, previous: Tensor, multiplier: Tensor) -> float:
    """Return by what factor the penalty should grow: the root of the relative primal over the dual residual."""
    adjoint = analysis.operator.adjoint
    primal = norm(mapped - split) / max(norm(mapped), norm(split), 1e-30)
    dual = norm(adjoint(split - previous)) / max(norm(adjoint(multiplier)), 1e-30)
    return min(max((primal / max(dual, 1e-30)) ** 0.5, 0.1), 10.0)


def _iterate(analysis: Analysis, state: Tensor, mapped: Tensor, multiplier: Tensor, penalty: float) -> Iterate:
    return Iterate(state, lambda: analysis.length(mapped), lambda: penalty * analysis.operator.adjoint(multiplier))
