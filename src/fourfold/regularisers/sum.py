"""Two regularisers at once."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.regularisers.analysis import sum_of_analyses
from fourfold.regularisers.regulariser import Analysis, Regulariser, analysis_of
from fourfold.regularisers.warm import for_one_solve, settled

__all__ = ["SumPenalty"]


class SumPenalty:
    """R(x) = first_factor · first(x) + second_factor · second(x).

    The proximal map is found from those of the two by turns, each seeing what the other took away (a Dykstra-like
    method: Bauschke & Combettes 2008, Pacific J. Optim. 4:383). Within a solve what they took away is kept for the next
    call, in units of the weight, so that one turn a call is enough: where the calls settle, so has the map.

    Parameters
    ----------
    first_factor, first
        The first regulariser and its factor.
    second_factor, second
        The second one.
    """

    def __init__(self, first_factor: float, first: Regulariser, second_factor: float, second: Regulariser) -> None:
        self.factors, self.parts = (first_factor, second_factor), (first, second)

    def value(self, x: Tensor) -> float:
        """Return R(x)."""
        return sum(factor * part.value(x) for factor, part in zip(self.factors, self.parts, strict=True))

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u)."""
        return settled(self.warm(), x, weight)

    def warm(self) -> Regulariser:
        """Return R for one solve, whose proximal map goes on from call to call."""
        first, second = (for_one_solve(part) for part in self.parts)
        return _WarmSum(self.factors[0], first, self.factors[1], second)

    def analysis(self) -> Analysis:
        """Return R as g(K x), K stacking the operators of both."""
        return sum_of_analyses([(f, analysis_of(part)) for f, part in zip(self.factors, self.parts, strict=True)])


class _WarmSum(SumPenalty):
    """Two regularisers for one solve: what the second one took away is kept for the next call."""

    _taken_by_second: Tensor | None = None

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the proximal map, approximately: see the base."""
        if weight == 0:
            return x
        if self._taken_by_second is None or self._taken_by_second.shape != x.shape:
            self._taken_by_second = torch.zeros_like(x)
        first_sees = torch.sub(x, self._taken_by_second, alpha=weight)
        left = self.parts[0].prox(first_sees, weight * self.factors[0])
        second_sees = torch.add(left, self._taken_by_second, alpha=weight)
        result = self.parts[1].prox(second_sees, weight * self.factors[1])
        self._taken_by_second = (second_sees - result).mul_(1 / weight)
        return result
