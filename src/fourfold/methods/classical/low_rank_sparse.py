"""Series as the sum of a low-rank and a sparse part."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import NonNegativeFloat
from torch import Tensor

from fourfold.methods.method import Scope
from fourfold.methods.model_based import DEFAULT_CONTROL, ModelBasedMethod, SolverControl, Weight
from fourfold.methods.sense_problem import SenseProblem
from fourfold.optimize.minimum import Minimum
from fourfold.optimize.proximal_gradient import proximal_gradient
from fourfold.regularisers.low_rank import LowRankPlusSparsePenalty
from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.temporal import SeriesTotalVariationPenalty, TemporalFourierPenalty

__all__ = ["LowRankSparse"]


class LowRankSparse(ModelBasedMethod):
    """Minimises ½‖A(L + S) − y‖² + weight · (low_rank_weight · ‖L‖* + ‖T S‖₁); the series is L + S.

    Otazo et al. 2015, MRM 73:1125. The low-rank part L takes the background and what changes everywhere alike, the
    sparse part S takes what moves.
    """

    name: ClassVar[str] = "low-rank-sparse"
    title: ClassVar[str] = "Low rank + sparse"
    display_order: ClassVar[int] = 61
    scope: ClassVar[Scope] = "series"

    initial_weight: ClassVar[float] = 0.006
    noise_share: ClassVar[float | None] = 0.5

    weight: Weight = "auto"
    """Weight of the sparse part, relative to the image's brightness, larger is smoother; auto follows the noise."""
    low_rank_weight: NonNegativeFloat = 0.5
    """Weight of the low-rank part in parts of the sparse part's; larger leaves more to the sparse part."""
    sparsity: Literal["fourier", "variation"] = "fourier"
    """What is sparse in S: its frequencies along time (motion that repeats), or its changes from frame to frame."""

    def minimise(self, problem: SenseProblem, weight: float, control: SolverControl = DEFAULT_CONTROL) -> Minimum:
        """Return the sum L + S (frame, set, y, x)."""
        sparse: Regulariser = TemporalFourierPenalty() if self.sparsity == "fourier" else SeriesTotalVariationPenalty()

        # In the variables √2 L and √2 S the operator (L, S) ↦ A(L + S) has norm 1.
        def split(x: Tensor) -> Tensor:
            return (x * math.sqrt(0.5)).expand(2, *x.shape)

        def series(pair: Tensor) -> Tensor:
            return (pair[0] + pair[1]).mul_(math.sqrt(0.5))

        callback = control.callback
        pair, iterations = proximal_gradient(
            lambda pair: split(problem.encoding.normal(series(pair))),
            split(problem.rhs),
            LowRankPlusSparsePenalty(self.low_rank_weight, sparse),
            weight * math.sqrt(0.5),
            start=None if control.start is None else split(control.start),
            iterations=self.iterations,
            tolerance=self.tolerance,
            callback=None if callback is None else lambda iteration, pair, _: callback(iteration, series(pair)),
        )
        return Minimum(series(pair), iterations)
