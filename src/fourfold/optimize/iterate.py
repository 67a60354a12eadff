"""The iterates that a solver yields, and the loop that stops it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from fourfold.operators.linear_operator import norm
from fourfold.optimize.least_squares import LeastSquares, real_inner

__all__ = ["Iterate", "Stopping", "duality_gap", "objective_change", "relative_change", "run"]

Stopping: TypeAlias = Literal["change", "objective", "gap"]

# Each evaluation of the objective or the gap costs an application of AᴴA.
CHECK_EVERY = 5


@dataclass(frozen=True, eq=False)
class Iterate:
    """One iterate."""

    state: Tensor
    """(1 + auxiliary, …): the image and what R minimises over by itself."""
    value: Callable[[], float]
    """Returns R there."""
    dual: Callable[[], Tensor]
    """Returns the solver's estimate of weight · a subgradient of R with respect to the state, of the state's shape."""

    @property
    def x(self) -> Tensor:
        """The image."""
        return self.state[0]


Measure: TypeAlias = Callable[[Iterate], float]
"""The distance of an iterate from convergence or from the minimum; infinity where it was not evaluated."""


def run(
    iterates: Iterator[Iterate],
    measure: Measure,
    *,
    iterations: int,
    tolerance: float,
    callback: Callable[[int, Tensor, float], None] | None = None,
) -> tuple[Iterate, int, float]:
    """Iterate until `measure` falls below `tolerance`; return the last iterate, its number and its measure."""
    for iteration in range(1, iterations + 1):
        iterate = next(iterates)
        measured = measure(iterate)
        if callback is not None:
            callback(iteration, iterate.x, measured)
        if measured < tolerance:
            break
    return iterate, iteration, measured


def relative_change(start: Tensor, support: Tensor | None = None, lasting: int = 1) -> Measure:
    """Measure the change of the image within `support` (bool) in parts of its norm, the largest of the last ones."""
    previous = start
    changes = deque([float("inf")] * lasting, maxlen=lasting)

    def measure(iterate: Iterate) -> float:
        nonlocal previous
        moved = iterate.x - previous
        previous = iterate.x
        changes.append(norm(moved if support is None else moved.mul_(support)) / max(norm(iterate.x), 1e-30))
        return max(changes)

    return measure


def objective_change(data: LeastSquares[float], weight: float) -> Measure:
    """Measure the change of the objective an iteration, in parts of it."""
    count, previous = 0, float("inf")

    def measure(iterate: Iterate) -> float:
        nonlocal count, previous
        count += 1
        if count % CHECK_EVERY:
            return float("inf")
        last, previous = previous, data.value(iterate.x) + weight * iterate.value()
        return abs(last - previous) / CHECK_EVERY / max(abs(previous), 1e-30)

    return measure


def duality_gap(data: LeastSquares[float], weight: float) -> Measure:
    """Measure by how much the objective can lie above its minimum at most, in parts of it.

    Let s = Kᴴp be the dual of a seminorm R, so that weight · R(z′) ≥ Re⟨s, z′⟩ for every z′. Then the objective at z
    exceeds that at z′ by at most weight · R(z) − Re⟨s, z⟩ + ‖∇f(z) + s‖ ‖z − z′‖, and the minimiser is taken to lie
    within ‖z‖ of z. (The plain dual of ½‖A x − y‖² + weight · R(x) is minus infinity off a subspace that no iterate
    meets exactly, since A has a null space.)
    """
    count = 0

    def measure(iterate: Iterate) -> float:
        nonlocal count
        count += 1
        if count % CHECK_EVERY:
            return float("inf")
        x, state, dual = iterate.x, iterate.state, iterate.dual()
        normal = data.normal(x)
        penalty = weight * iterate.value()
        slack = penalty - real_inner(dual, state)
        dual = torch.cat([(dual[0] + normal).sub_(data.rhs)[None], dual[1:]])
        gap = max(slack, 0.0) + norm(dual) * norm(state)
        return gap / max(data.value_of(x, normal) + penalty, 1e-30)

    return measure
