"""Samples of the posterior by annealed Langevin dynamics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from fourfold.methods.generative.generative_method import GenerativeMethod
from fourfold.optimize.posterior_sampling import SamplingTask, Stage, langevin_steps

__all__ = ["Langevin"]


class Langevin(GenerativeMethod):
    """Draws images by preconditioned Langevin steps over the noise levels of 'diffusion' (Blumenthal 2025).

    arXiv:2512.05791. Each step goes along the prior's score and the gradient of the data, and adds noise. It is a check
    of 'diffusion' by other means.
    """

    name: ClassVar[str] = "langevin"
    title: ClassVar[str] = "Langevin sampling"
    display_order: ClassVar[int] = 81

    steps: PositiveInt = 50
    """Noise levels; they fall geometrically."""
    steps_per_level: PositiveInt = 1
    """Langevin steps at each noise level, one call of the denoiser each."""
    step_size: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Length of a step; smaller ones are more exact and need more of them."""
    solver_iterations: PositiveInt = 8
    """Conjugate-gradient iterations at each step."""

    def stages(self, task: SamplingTask) -> Iterator[Stage]:
        """Yield the images of a group of members at each noise level."""
        return langevin_steps(
            task,
            step_size=self.step_size,
            steps=self.steps_per_level,
            iterations=self.solver_iterations,
        )
