"""What all methods with a denoiser share."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from fourfold.denoisers.denoiser import Denoiser
from fourfold.methods.model_based import IterationCallback, ModelBasedMethod
from fourfold.methods.sense_problem import SenseProblem
from fourfold.optimize.minimum import Minimum
from fourfold.optimize.plug_and_play import plug_and_play

__all__ = ["DenoiserMethod"]


class DenoiserMethod(ModelBasedMethod):
    """Alternates between the measured data and a denoiser; a subclass says which."""

    weight_setting: ClassVar[str] = "noise_std"

    iterations: PositiveInt = 40
    """At most so many iterations, one call of the denoiser each; the noise level falls in the first 20."""
    tolerance: NonNegativeFloat = 2e-3
    """Stop when an iteration changes the image by less than this part of it."""
    penalty: PositiveFloat = 0.3
    """How much the denoised image counts beside the data in an iteration."""

    @abstractmethod
    def new_denoiser(self, problem: SenseProblem) -> Denoiser:
        """Return the denoiser for images of the problem's shape, on its device, for one solve."""

    def minimise(
        self,
        problem: SenseProblem,
        weight: float,
        start: Tensor | None = None,
        callback: IterationCallback | None = None,
    ) -> Minimum:
        """Return the solution (frame, set, y, x) for one noise level."""
        return plug_and_play(
            problem.data_term,
            self.new_denoiser(problem),
            weight,
            penalty=self.penalty,
            start=start,
            iterations=self.iterations,
            tolerance=self.tolerance,
            support=problem.support,
            callback=callback,
        )
