"""Accelerated proximal gradient descent: POGM first, then FISTA until convergence."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from fourfold.optimize.iterate import Iterate, relative_change, run
from fourfold.optimize.least_squares import LeastSquares, least_squares, real_inner
from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.warm import for_one_solve

__all__ = ["PogmStep", "grow", "pogm_steps", "proximal_gradient", "proximal_gradient_iterates"]

Value = TypeVar("Value", float, Tensor)


def proximal_gradient(
    normal: Callable[[Tensor], Tensor],
    rhs: Tensor,
    regulariser: Regulariser,
    weight: float,
    *,
    start: Tensor | None = None,
    iterations: int = 200,
    tolerance: float = 2e-4,
    support: Tensor | None = None,
    callback: Callable[[int, Tensor, float], None] | None = None,
) -> tuple[Tensor, int]:
    """Minimise ½‖A x − y‖² + weight · R(x), given AᴴA (of norm at most 1) and Aᴴy.

    Parameters
    ----------
    normal, rhs
        As in `fourfold.optimize.least_squares.LeastSquares`.
    regulariser
        R, by its proximal map.
    weight
        Weight of R.
    start
        First guess, `rhs` when None.
    iterations
        At most so many iterations, one application of `normal` each.
    tolerance
        Stop when an iteration changes x by less than this part of its norm.
    support
        bool, broadcast to x: the elements whose change counts; those that A does not see move on for long.
    callback
        Called with the iteration (from 1), the current solution, and its relative change.

    Returns
    -------
    tuple
        The solution and the number of iterations done.
    """
    x = rhs if start is None else start
    iterates = proximal_gradient_iterates(least_squares(normal, rhs), regulariser, weight, x)
    change = relative_change(x, support)
    last, done, _ = run(iterates, change, iterations=iterations, tolerance=tolerance, callback=callback)
    return last.x, done


def proximal_gradient_iterates(
    data: LeastSquares[float], regulariser: Regulariser, weight: float, x: Tensor
) -> Iterator[Iterate]:
    """Yield iterates without end, one application of AᴴA each.

    The proximal optimised gradient method (Taylor, Hendrickx & Glineur 2017) runs until its momentum first points
    uphill; it needs about two thirds of FISTA's iterations to get there. FISTA (Beck & Teboulle 2009) with adaptive
    restart (O'Donoghue & Candès 2015) takes over: its proximal steps all have the same size, so that it also
    settles where the proximal map is an average of maps, whose fixed point moves with the step.
    """
    regulariser = for_one_solve(regulariser)
    x = yield from _pogm_until_increase(data, regulariser, weight, x)
    yield from _fista(data, regulariser, weight, x)


@dataclass(frozen=True)
class PogmStep(Generic[Value]):
    """What an iteration of the proximal optimised gradient method does with its gradient step (Kim & Fessler 2018)."""

    inertia: Value
    """Factor of the difference between this gradient step and the previous one."""
    lift: Value
    """Factor of the gradient step itself."""
    previous_size: Value
    """The size of the previous iteration."""
    size: Value
    """Factor of the regulariser's weight in the proximal map."""

    def extrapolate(
        self, descended: Tensor, previous_descended: Tensor, previous: Tensor, extrapolated: Tensor
    ) -> Tensor:
        """Return the argument of the proximal map.

        Parameters
        ----------
        descended, previous_descended
            x − ∇f(x) at the previous x, and at the one before.
        previous
            The previous x.
        extrapolated
            The argument of the previous proximal map.
        """
        return (
            (1 + self.inertia + self.lift) * descended
            - self.inertia * previous_descended
            - (self.lift + self.inertia / self.previous_size) * previous
            + (self.inertia / self.previous_size) * extrapolated
        )


def pogm_steps() -> Iterator[PogmStep[float]]:
    """Yield the steps of the proximal optimised gradient method without end; they do not depend on the data."""
    momentum = size = 1.0
    while True:
        grown = grow(momentum)
        inertia, lift = (momentum - 1) / grown, momentum / grown
        previous_size, size = size, (2 * momentum + grown - 1) / grown
        yield PogmStep(inertia, lift, previous_size, size)
        momentum = grown


def _pogm_until_increase(
    data: LeastSquares[float], regulariser: Regulariser, weight: float, x: Tensor
) -> Generator[Iterate, None, Tensor]:
    """Yield POGM's iterates (Kim & Fessler 2018) up to the first where its momentum points uphill; return that."""
    descended = extrapolated = x
    for step in pogm_steps():
        previous, previous_descended = x, descended
        descended = x - data.gradient(x)
        extrapolated = step.extrapolate(descended, previous_descended, previous, extrapolated)
        x = regulariser.prox(extrapolated, weight * step.size)
        yield _iterate(x, extrapolated, step.size, regulariser)
        downhill = (descended - previous).add_(x - extrapolated, alpha=1 / step.size)
        if real_inner(downhill, descended - previous_descended) < 0:
            break
    return x


def _fista(data: LeastSquares[float], regulariser: Regulariser, weight: float, x: Tensor) -> Iterator[Iterate]:
    """Yield FISTA's iterates, its momentum restarted where it points uphill."""
    point, momentum = x, 1.0
    while True:
        descended = point - data.gradient(point)
        previous, x = x, regulariser.prox(descended, weight)
        if real_inner(point - x, x - previous) > 0:
            momentum = 1.0
        grown = grow(momentum)
        point = x + (momentum - 1) / grown * (x - previous)
        momentum = grown
        yield _iterate(x, descended, 1.0, regulariser)


def _iterate(x: Tensor, before: Tensor, step: float, regulariser: Regulariser) -> Iterate:
    """Return an iterate that came out of the proximal map; what this took away is a subgradient."""
    return Iterate(x[None], lambda: regulariser.value(x), lambda: (before - x)[None] / step)


def grow(momentum: float) -> float:
    """Return Nesterov's momentum of the next iteration."""
    return (1 + math.sqrt(1 + 4 * momentum**2)) / 2
