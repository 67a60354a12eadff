"""Compressed sensing with total generalised variation."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveFloat

from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.total_generalised_variation import TotalGeneralisedVariationPenalty

__all__ = ["TotalGeneralisedVariation"]


class TotalGeneralisedVariation(RegularisedSense):
    """Minimises ½‖A x − y‖² + weight · scale · TGV²(x), of second order (Knoll et al. 2011, MRM 65:480).

    Edges as sharp as with total variation, without its steps where the brightness changes slowly.
    """

    name: ClassVar[str] = "tgv"
    title: ClassVar[str] = "Total generalised variation"
    display_order: ClassVar[int] = 35

    initial_weight: ClassVar[float] = 0.002

    weight: Weight = "auto"
    """Weight of the variation, relative to the brightness of the image, larger is smoother; auto chooses it."""
    ratio: PositiveFloat = 2.0
    """Weight of the second-order term relative to the first (α₀/α₁); larger comes closer to total variation."""

    def new_regulariser(self, problem: SenseProblem) -> TotalGeneralisedVariationPenalty:
        """Return the total generalised variation within the coil maps' support."""
        return TotalGeneralisedVariationPenalty(problem.support, self.ratio)

    def weight_search_method(self) -> TotalVariation:
        """Return total variation: within 0.03 dB of this at the same weight on three heads, and four times as fast."""
        return TotalVariation(**self.model_dump(exclude={"ratio"}))
