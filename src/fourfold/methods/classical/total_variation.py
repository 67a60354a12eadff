"""Compressed sensing with total variation."""

from __future__ import annotations

from typing import ClassVar

from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.total_variation import TotalVariationPenalty

__all__ = ["TotalVariation"]


class TotalVariation(RegularisedSense):
    """Minimises ½‖A x − y‖² + weight · scale · TV(x), total variation (Block 2007, MRM 57:1086).

    Sharp edges and flat regions; runs until it has converged. The scale is computed from the measured data, so that
    one weight serves every scanner.
    """

    name: ClassVar[str] = "tv"
    title: ClassVar[str] = "Total variation"
    display_order: ClassVar[int] = 30

    initial_weight: ClassVar[float] = 0.002

    weight: Weight = "auto"
    """Weight of the total variation, relative to the brightness of the image, larger is smoother; auto chooses it."""
    isotropic: bool = True
    """Take the differences along y and x as one vector; off counts each by itself and favours edges along the axes."""

    def new_regulariser(self, problem: SenseProblem) -> TotalVariationPenalty:
        """Return the total variation within the coil maps' support."""
        return TotalVariationPenalty(problem.support, isotropic=self.isotropic)
