"""Compressed sensing of series with total variation along time."""

from __future__ import annotations

from typing import ClassVar

from pydantic import NonNegativeFloat

from fourfold.methods.method import Scope
from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import Regularised
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.temporal import SeriesTotalVariationPenalty

__all__ = ["KtTotalVariation"]


class KtTotalVariation(Regularised):
    """Minimises ½‖A x − y‖² + weight · (TV along time + space · TV in the plane) (Feng 2014, MRM 72:707).

    For series of which most of the image stands still or changes in steps, such as perfusion and cine.
    """

    name: ClassVar[str] = "kt-tv"
    title: ClassVar[str] = "Total variation along time"
    rank: ClassVar[int] = 60
    scope: ClassVar[Scope] = "series"

    first_weight: ClassVar[float] = 0.004
    noise_share: ClassVar[float | None] = 0.25

    weight: Weight = "auto"
    """Weight of the variation, relative to the brightness of the image, larger is smoother; auto follows the noise."""
    space: NonNegativeFloat = 0.25
    """Total variation in the plane, in parts of the one along time; 0 leaves it out."""

    def regulariser(self, problem: SenseProblem) -> Regulariser:
        """Return the total variation of series within the coil maps' support."""
        return SeriesTotalVariationPenalty(self.space, problem.support)
