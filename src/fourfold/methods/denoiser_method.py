"""What all methods with a denoiser share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from fourfold.denoisers.denoiser import Denoiser
from fourfold.methods.denoiser_setting import denoiser_details
from fourfold.methods.model_based import DEFAULT_CONTROL, ModelBasedMethod, SolverControl
from fourfold.methods.sense_problem import SenseProblem
from fourfold.optimize.minimum import Minimum
from fourfold.optimize.plug_and_play import plug_and_play

__all__ = ["DenoiserMethod"]


class DenoiserMethod(ModelBasedMethod):
    """Alternates between the measured data and a denoiser; a subclass says which."""

    weight_setting: ClassVar[str] = "noise_std"
    repeats_trials: ClassVar[bool] = False

    iterations: PositiveInt = 40
    """At most so many iterations, one call of the denoiser each; the noise level falls in the first 20."""
    tolerance: NonNegativeFloat = 2e-3
    """Stop when an iteration changes the image by less than this part of it."""
    penalty: PositiveFloat = 0.3
    """How much the denoised image counts beside the data in an iteration."""

    @abstractmethod
    def new_denoiser(self, problem: SenseProblem) -> Denoiser:
        """Return the denoiser for images of the problem's shape, on its device, for one solve."""

    def minimise(self, problem: SenseProblem, weight: float, control: SolverControl = DEFAULT_CONTROL) -> Minimum:
        """Return the fixed point (frame, set, y, x) of plug and play for one noise level."""
        denoiser = self.new_denoiser(problem)
        minimum = plug_and_play(
            problem.data_term,
            denoiser,
            weight,
            penalty=self.penalty,
            start=control.start,
            iterations=self.iterations,
            tolerance=self.tolerance,
            support=problem.support,
            callback=control.callback,
        )
        return replace(minimum, details={**minimum.details, **denoiser_details(denoiser)})
