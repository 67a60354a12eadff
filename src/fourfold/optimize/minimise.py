"""The entry to all solvers: chooses one that fits the regulariser, stops it, and returns the minimum."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.optimize.admm import admm_iterates
from fourfold.optimize.iterate import Iterate, Measure, Stopping, duality_gap, objective_change, relative_change, run
from fourfold.optimize.least_squares import LeastSquares
from fourfold.optimize.minimum import Minimum
from fourfold.optimize.nonlinear_cg import Plain, Smoothed, nonlinear_cg_iterates
from fourfold.optimize.primal_dual import primal_dual_iterates
from fourfold.optimize.proximal_gradient import proximal_gradient_iterates
from fourfold.regularisers.regulariser import AnyRegulariser, Regulariser, SmoothRegulariser, analysis_of

__all__ = ["Solver", "minimise"]

Solver: TypeAlias = Literal["auto", "fista", "admm", "primal-dual", "nlcg"]

# For nonlinear conjugate gradient |v| is rounded below this part of the brightness.
SMOOTHING = 1e-3
# Its line search can take one short step far from the minimum: the image has settled when so many in turn are short.
SHORT_STEPS = 5


def minimise(
    data: LeastSquares[float],
    regulariser: AnyRegulariser,
    weight: float,
    *,
    solver: Solver = "auto",
    stopping: Stopping = "change",
    start: Tensor | None = None,
    iterations: int = 200,
    tolerance: float = 2e-4,
    support: Tensor | None = None,
    callback: Callable[[int, Tensor, float], None] | None = None,
) -> Minimum:
    """Minimise ½‖A x − y‖² + weight · R(x).

    Parameters
    ----------
    data
        The data term, in a unit in which the image is about one.
    regulariser
        R.
    weight
        Weight of R.
    solver
        ``fista``: proximal gradient, for every R with a proximal map. ``admm`` and ``primal-dual``: for these too; R
        is taken as g(K x) where it has that form. ``nlcg``: nonlinear conjugate gradient, for every R with a
        gradient; others are rounded at zero. ``auto``: the fastest that fits, fista or else nlcg.
    stopping
        What must fall below the tolerance: the relative ``change`` of x in an iteration (nlcg: in each of five), that
        of the ``objective``, or the relative duality ``gap``, which bounds what is left to gain.
    start
        First guess, Aᴴy when None.
    iterations
        At most so many.
    tolerance
        See `stopping`.
    support
        bool, broadcast to x: the elements whose change counts.
    callback
        Called with the iteration (from 1), the current solution, and what `stopping` measures.

    Raises
    ------
    InputError
        Where solver or stopping do not fit the regulariser.
    """
    x = data.rhs if start is None else start
    chosen = _choose(solver, regulariser)
    measure = _measure(stopping, chosen, data, regulariser, weight, x, support)
    iterates = _iterates(chosen, data, regulariser, weight, x)
    last, done, measured = run(iterates, measure, iterations=iterations, tolerance=tolerance, callback=callback)
    objective = data.value(last.x) + weight * last.value()
    details: dict[str, Any] = {"solver": chosen, "objective": objective if math.isfinite(objective) else None}
    return Minimum(last.x, done, details | ({"duality_gap": measured} if stopping == "gap" else {}))


def _choose(solver: Solver, regulariser: AnyRegulariser) -> Solver:
    """Return the solver to use; refuse one that lacks what it needs."""
    proximal = isinstance(regulariser, Regulariser)
    if solver == "auto":
        return "fista" if proximal else "nlcg"
    if solver != "nlcg" and not proximal:
        raise InputError(f"The solver '{solver}' needs a proximal map but the regulariser has a gradient; use 'nlcg'.")
    return solver


def _measure(
    stopping: Stopping,
    solver: Solver,
    data: LeastSquares[float],
    regulariser: AnyRegulariser,
    weight: float,
    start: Tensor,
    support: Tensor | None,
) -> Measure:
    if stopping == "change":
        return relative_change(start, support, SHORT_STEPS if solver == "nlcg" else 1)
    if stopping == "objective":
        return objective_change(data, weight)
    if not isinstance(regulariser, Regulariser) or not analysis_of(regulariser).seminorm:
        raise InputError("The duality gap is known for built-in regularisers only; stop by 'change' or 'objective'.")
    if solver == "fista" and analysis_of(regulariser).auxiliary:
        raise InputError("The solver 'fista' has no duality gap for this regulariser; use 'primal-dual' or 'admm'.")
    return duality_gap(data, weight)


def _iterates(
    solver: Solver, data: LeastSquares[float], regulariser: AnyRegulariser, weight: float, x: Tensor
) -> Iterator[Iterate]:
    if not isinstance(regulariser, Regulariser):
        assert isinstance(regulariser, SmoothRegulariser)
        return nonlinear_cg_iterates(data, Plain(regulariser), weight, x[None])
    if solver == "fista":
        return proximal_gradient_iterates(data, regulariser, weight, x)
    analysis = analysis_of(regulariser)
    state = torch.cat([x[None], x.new_zeros((analysis.auxiliary, *x.shape))])
    if solver == "admm":
        return admm_iterates(data, analysis, weight, state)
    if solver == "primal-dual":
        return primal_dual_iterates(data, analysis, weight, state)
    return nonlinear_cg_iterates(data, Smoothed(analysis, SMOOTHING), weight, state)
