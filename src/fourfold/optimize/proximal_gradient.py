"""Accelerated proximal gradient descent: POGM for the way, FISTA for the arrival."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator

import torch
from torch import Tensor

from fourfold.optimize.regulariser import Regulariser
from fourfold.physics.operator import norm

__all__ = ["proximal_gradient"]


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

    The proximal optimised gradient method (Taylor, Hendrickx & Glineur 2017) runs until its momentum first points
    uphill; it needs about two thirds of FISTA's iterations to get there. FISTA (Beck & Teboulle 2009) with adaptive
    restart (O'Donoghue & Candès 2015) takes over: its proximal steps all have the same size, so that it also
    settles where the proximal map is an average of maps, whose fixed point moves with the step.

    Parameters
    ----------
    normal
        x ↦ AᴴA x; its norm must not exceed 1, which holds for unit-norm coil maps and an orthonormal transform.
    rhs
        Aᴴ y, complex.
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
    previous = x = rhs if start is None else start
    iterates = _iterates(lambda point: point - normal(point).sub_(rhs), regulariser, weight, x)
    for iteration in range(1, iterations + 1):
        previous, x = x, next(iterates)
        moved = x - previous
        change = norm(moved if support is None else moved.mul_(support)) / max(norm(x), 1e-30)
        if callback is not None:
            callback(iteration, x, change)
        if change < tolerance:
            return x, iteration
    return x, iterations


def _iterates(
    descend: Callable[[Tensor], Tensor], regulariser: Regulariser, weight: float, x: Tensor
) -> Iterator[Tensor]:
    """Yield iterates without end; `descend` is one gradient step of length 1."""
    x = yield from _pogm_until_uphill(descend, regulariser, weight, x)
    yield from _fista(descend, regulariser, weight, x)


def _pogm_until_uphill(
    descend: Callable[[Tensor], Tensor], regulariser: Regulariser, weight: float, x: Tensor
) -> Generator[Tensor, None, Tensor]:
    """Yield POGM's iterates (Kim & Fessler 2018) up to the first where its momentum points uphill; return that."""
    descended = extrapolated = x
    momentum = step = 1.0
    uphill = False
    while not uphill:
        previous, previous_descended = x, descended
        descended = descend(x)
        grown = _grow(momentum)
        inertia, lift = (momentum - 1) / grown, momentum / grown
        extrapolated = (
            (1 + inertia + lift) * descended
            - inertia * previous_descended
            - (lift + inertia / step) * previous
            + (inertia / step) * extrapolated
        )
        step = (2 * momentum + grown - 1) / grown
        x = regulariser.prox(extrapolated, weight * step)
        downhill = (descended - previous).add_(x - extrapolated, alpha=1 / step)
        uphill = _alignment(downhill, descended - previous_descended) < 0
        momentum = grown
        yield x
    return x


def _fista(descend: Callable[[Tensor], Tensor], regulariser: Regulariser, weight: float, x: Tensor) -> Iterator[Tensor]:
    """Yield FISTA's iterates, its momentum restarted where it points uphill."""
    point, momentum = x, 1.0
    while True:
        previous, x = x, regulariser.prox(descend(point), weight)
        if _alignment(point - x, x - previous) > 0:
            momentum = 1.0
        grown = _grow(momentum)
        point = x + (momentum - 1) / grown * (x - previous)
        momentum = grown
        yield x


def _grow(momentum: float) -> float:
    return (1 + math.sqrt(1 + 4 * momentum**2)) / 2


def _alignment(x: Tensor, y: Tensor) -> float:
    """Return the real part of ⟨x, y⟩."""
    return float(torch.vdot(x.flatten(), y.flatten()).real)
