"""Langevin sampling as it was published for MRI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt

from fourfold.methods.generative.generative_method import GenerativeMethod
from fourfold.optimize.posterior_sampling import SamplingTask, Stage, balanced_langevin_steps, falling_levels

__all__ = ["Jalal2021"]


class Jalal2021(GenerativeMethod):
    """Draws images by the annealed Langevin dynamics of Jalal et al. 2021 (arXiv:2108.01368): slow.

    The step rule, the noise levels and the weight of the data are those of the authors' code: 3,975 calls of the
    denoiser for a member. The data are weighted by a multiple of the prior's score and not by their noise, so that the
    spread of the members is no uncertainty. For comparison with 'langevin' and 'diffusion'.
    """

    name: ClassVar[str] = "jalal2021"
    title: ClassVar[str] = "Langevin sampling (Jalal 2021)"
    display_order: ClassVar[int] = 82

    members: PositiveInt = 1
    """Images to draw; their mean is the result."""
    steps: PositiveInt = 1325
    """Noise levels; they fall geometrically."""
    steps_per_level: PositiveInt = 3
    """Langevin steps at each noise level, one call of the denoiser each."""
    first_level: PositiveFloat = 2.66
    """The first noise level, relative to the brightness of the image."""
    last_level: PositiveFloat = 0.0066
    """The last noise level, relative to the brightness of the image."""
    step_size: Annotated[float, Field(gt=0, le=1)] = 0.0207
    """Length of a step, relative to the squared noise level."""
    data_weight: PositiveFloat = 5.0
    """Norm of the data's gradient, relative to that of the prior's score."""

    def levels(self, noise_std: float) -> list[float]:  # noqa: ARG002  # published ones do not follow the noise
        """Return the noise levels, whatever the noise of the samples."""
        return falling_levels(max(self.first_level, self.last_level), self.last_level, self.steps)

    def stages(self, task: SamplingTask) -> Iterator[Stage]:
        """Yield the images of a group of members at each noise level."""
        return balanced_langevin_steps(
            task,
            step_size=self.step_size,
            steps=self.steps_per_level,
            data_weight=self.data_weight,
        )
