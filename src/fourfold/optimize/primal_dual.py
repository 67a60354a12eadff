"""The accelerated primal–dual method."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from fourfold.optimize.iterate import Iterate
from fourfold.optimize.least_squares import LeastSquares
from fourfold.regularisers.regulariser import Analysis

__all__ = ["primal_dual_iterates"]

# σ ‖K‖²: late steps are one over it. A tenth serves variation of both orders and wavelets; Condat–Vũ's half is slower.
SHARE = 0.1


def primal_dual_iterates(
    data: LeastSquares[float], analysis: Analysis, weight: float, state: Tensor
) -> Iterator[Iterate]:
    """Yield the iterates of the primal–dual method on ½‖A x − y‖² + weight · g(K z), one application of AᴴA each.

    Chen, Lan & Ouyang 2014, SIAM J. Optim. 24:1779, Algorithm 2: Chambolle and Pock's method, the data term entering
    by Nesterov's gradient, so that its part of the error falls with the square of the iterations. No step needs
    tuning, since ‖A‖ is at most 1 and ‖K‖ is known.

    Parameters
    ----------
    data, analysis, weight, state
        As in `fourfold.optimize.admm.admm_iterates`.
    """
    operator = analysis.operator
    dual_step = SHARE / analysis.squared_norm
    mean = moving = state
    mapped = ahead = operator.forward(state)
    dual = torch.zeros_like(mapped)
    mean_pulled = torch.zeros_like(state)
    iteration = 0
    while True:
        iteration += 1
        part = 2 / (iteration + 1)
        raised = torch.add(dual, ahead, alpha=dual_step)
        dual = raised - dual_step * analysis.shrink(raised / dual_step, weight / dual_step)
        pulled = operator.adjoint(dual)
        mean_pulled = torch.lerp(mean_pulled, pulled, part)
        step = iteration / (2 + iteration * SHARE)
        gradient = data.gradient(torch.lerp(mean[0], moving[0], part))
        moving = torch.sub(moving, pulled, alpha=step)
        moving[0].sub_(gradient, alpha=step)
        mean = torch.lerp(mean, moving, part)
        previous, mapped = mapped, operator.forward(moving)
        ahead = torch.lerp(previous, mapped, 1 + iteration / (iteration + 1))
        yield _iterate(analysis, mean, mean_pulled)


def _iterate(analysis: Analysis, state: Tensor, pulled: Tensor) -> Iterate:
    return Iterate(state, lambda: analysis.length(analysis.operator.forward(state)), lambda: pulled)
