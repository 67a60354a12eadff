"""Nonlinear conjugate gradient with line search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fourfold.operators.linear_operator import norm
from fourfold.optimize.iterate import Iterate
from fourfold.optimize.least_squares import LeastSquares, real_inner
from fourfold.regularisers.regulariser import Analysis, SmoothRegulariser

__all__ = ["Smoothed", "nonlinear_cg_iterates"]

# Backtracking as in Lustig 2007, Appendix A.
SUFFICIENT, SHORTER, MOST_TRIALS = 0.05, 0.6, 12


class Term(Protocol):
    """A smooth R of the state, and its values along a line."""

    def gradient(self, state: Tensor) -> Tensor:
        """Return ∇R."""
        ...

    def along(self, state: Tensor, direction: Tensor) -> Callable[[float], float]:
        """Return t ↦ R(state + t · direction)."""
        ...

    def value(self, state: Tensor) -> float:
        """Return R without smoothing."""
        ...


@dataclass(frozen=True)
class Smoothed:
    """g(K z) made smooth: g's Moreau envelope, which replaces |v| by v²/2ε below ε and by |v| − ε/2 above (Huber)."""

    analysis: Analysis
    epsilon: float

    def gradient(self, state: Tensor) -> Tensor:
        """Return Kᴴ (v − shrink(v, ε)) / ε with v = K z."""
        mapped = self.analysis.operator.forward(state)
        return self.analysis.operator.adjoint((mapped - self.analysis.shrink(mapped, self.epsilon)).div_(self.epsilon))

    def along(self, state: Tensor, direction: Tensor) -> Callable[[float], float]:
        """Return t ↦ the envelope at z + t d; K is applied once."""
        mapped, change = self.analysis.operator.forward(state), self.analysis.operator.forward(direction)

        def value(step: float) -> float:
            point = torch.add(mapped, change, alpha=step)
            shrunk = self.analysis.shrink(point, self.epsilon)
            return self.analysis.length(shrunk) + _energy(point - shrunk) / (2 * self.epsilon)

        return value

    def value(self, state: Tensor) -> float:
        """Return g(K z)."""
        return self.analysis.length(self.analysis.operator.forward(state))


@dataclass(frozen=True)
class Plain:
    """A regulariser that is smooth by itself."""

    regulariser: SmoothRegulariser

    def gradient(self, state: Tensor) -> Tensor:
        """Return ∇R."""
        return self.regulariser.gradient(state[0])[None]

    def along(self, state: Tensor, direction: Tensor) -> Callable[[float], float]:
        """Return t ↦ R(x + t d)."""
        return lambda step: self.regulariser.value(torch.add(state[0], direction[0], alpha=step))

    def value(self, state: Tensor) -> float:
        """Return R."""
        return self.regulariser.value(state[0])


def nonlinear_cg_iterates(data: LeastSquares[float], term: Term, weight: float, state: Tensor) -> Iterator[Iterate]:
    """Yield the iterates of nonlinear conjugate gradient, one application of AᴴA each (Lustig 2007, Appendix A).

    Directions by Polak and Ribière, never below zero, which restarts by itself; steps by backtracking from the last
    one. Along a line the data term is a parabola, so that a trial step costs a value of R only.

    Parameters
    ----------
    data
        The data term.
    term
        R.
    weight
        Weight of R.
    state
        First guess of z (1 + auxiliary, …).
    """
    normal = data.normal(state[0])
    gradient = _gradient(data, term, weight, state, normal)
    direction = -gradient
    step, steepest = 1.0, True
    while True:
        slope = real_inner(gradient, direction)
        if slope >= 0:
            direction, slope, steepest = -gradient, -_energy(gradient), True
        normal_direction = data.normal(direction[0])
        taken = _backtrack(_line(data, term, weight, state, normal, direction, normal_direction), slope, step)
        if taken == 0 and not steepest:
            direction, step, steepest = -gradient, 1.0, True
            continue
        state = torch.add(state, direction, alpha=taken)
        normal = torch.add(normal, normal_direction, alpha=taken)
        previous, gradient = gradient, _gradient(data, term, weight, state, normal)
        bend = real_inner(gradient, gradient - previous) / max(_energy(previous), 1e-30)
        direction, steepest = torch.sub(max(0.0, bend) * direction, gradient), bend <= 0
        # A step that was accepted at once may have been too short.
        step = step / SHORTER if taken == step else taken or 1.0
        yield _iterate(term, weight, state)


def _gradient(data: LeastSquares[float], term: Term, weight: float, state: Tensor, normal: Tensor) -> Tensor:
    gradient = weight * term.gradient(state)
    gradient[0] += normal - data.rhs
    return gradient


def _line(
    data: LeastSquares[float],
    term: Term,
    weight: float,
    state: Tensor,
    normal: Tensor,
    direction: Tensor,
    normal_direction: Tensor,
) -> Callable[[float], float]:
    """Return t ↦ the objective at z + t d less its data term at z."""
    penalty = term.along(state, direction)
    linear = real_inner(direction[0], normal - data.rhs)
    square = real_inner(direction[0], normal_direction)
    return lambda step: step * linear + step**2 / 2 * square + weight * penalty(step)


def _backtrack(line: Callable[[float], float], slope: float, step: float) -> float:
    """Return the first of ever shorter steps that lowers the objective enough, 0 where none does."""
    start = line(0.0)
    for _ in range(MOST_TRIALS):
        if line(step) <= start + SUFFICIENT * step * slope:
            return step
        step *= SHORTER
    return 0.0


def _iterate(term: Term, weight: float, state: Tensor) -> Iterate:
    return Iterate(state, lambda: term.value(state), lambda: weight * term.gradient(state))


def _energy(x: Tensor) -> float:
    return norm(x) ** 2
