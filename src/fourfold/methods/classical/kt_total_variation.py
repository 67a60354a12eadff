"""Compressed sensing of series with total variation along time."""

from __future__ import annotations

from typing import ClassVar

from pydantic import NonNegativeFloat

from fourfold.methods.method import Scope
from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.temporal import SeriesTotalVariationPenalty

__all__ = ["KtTotalVariation"]


class KtTotalVariation(RegularisedSense):
    """Minimises ½‖A x − y‖² + weight · (TV along time + spatial_weight · TV in the plane) (Feng 2014, MRM 72:707).

    For series of which most of the image stands still or changes in steps, such as perfusion and cine.
    """

    name: ClassVar[str] = "kt-tv"
    title: ClassVar[str] = "Total variation along time"
    display_order: ClassVar[int] = 60
    scope: ClassVar[Scope] = "series"

    initial_weight: ClassVar[float] = 0.004
    noise_share: ClassVar[float | None] = 0.25

    weight: Weight = "auto"
    """Weight of the variation, relative to the brightness of the image, larger is smoother; auto follows the noise."""
    spatial_weight: NonNegativeFloat = 0.25
    """Total variation in the plane, in parts of the one along time; 0 leaves it out."""

    def new_regulariser(self, problem: SenseProblem) -> Regulariser:
        """Return the total variation of series within the coil maps' support."""
        return SeriesTotalVariationPenalty(self.spatial_weight, problem.support)
