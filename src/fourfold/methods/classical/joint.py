"""Compressed sensing with wavelets and total variation together."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from fourfold.methods.classical.wavelet import WaveletSettings
from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.regularisers.sum import SumPenalty
from fourfold.regularisers.total_variation import TotalVariationPenalty

__all__ = ["Joint"]


class Joint(WaveletSettings, RegularisedSense):
    """Minimises ½‖A x − y‖² + weight · scale · (balance · TV(x) + (1 − balance) · ‖details of W x‖₁).

    Wavelets keep texture, total variation removes the ripples that they leave at edges (Lustig 2007, MRM 58:1182,
    Equation 6).
    """

    name: ClassVar[str] = "joint"
    title: ClassVar[str] = "Wavelet + total variation"
    display_order: ClassVar[int] = 45

    initial_weight: ClassVar[float] = 0.0025

    weight: Weight = "auto"
    """Weight of both together, relative to the brightness of the image, larger is smoother; auto chooses it."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Share of total variation in the weight; the rest is the wavelets'."""

    def new_regulariser(self, problem: SenseProblem) -> SumPenalty:
        """Return the weighted sum."""
        variation = TotalVariationPenalty(problem.support)
        return SumPenalty(self.balance, variation, 1 - self.balance, self.wavelet_penalty(problem))
