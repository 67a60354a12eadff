"""Samples of the posterior with a diffusion prior, by Gaussian posterior steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import PositiveInt

from fourfold.methods.generative.generative_method import GenerativeMethod
from fourfold.optimize.posterior_sampling import SamplingTask, Stage, gaussian_steps

__all__ = ["Diffusion"]


class Diffusion(GenerativeMethod):
    """Draws images that explain the samples from a prior learned by a denoiser; their spread is the uncertainty.

    At falling noise levels, an image is drawn from the Gaussian around the denoised one together with the measured
    data, and noise of the next level is added (Zhang et al. 2024, arXiv:2407.01521, with exact draws). The width of
    the Gaussian at each pixel follows from the denoiser (Efron 2011, JASA 106:1602).
    """

    name: ClassVar[str] = "diffusion"
    title: ClassVar[str] = "Diffusion posterior sampling"

    solver_iterations: PositiveInt = 8
    """Conjugate-gradient iterations at each noise level."""
    point: bool = False
    """One image without random numbers, close to the mean of many members, in half of the `steps`; without a spread."""

    def seeds(self) -> Sequence[int]:
        """Return the seed of each member; a single one of a point image."""
        return range(self.seed, self.seed + 1) if self.point else super().seeds()

    def levels(self, noise_std: float) -> list[float]:
        """Return the noise levels; half as many for a point image."""
        return super().levels(noise_std)[1::2] if self.point and self.steps > 1 else super().levels(noise_std)

    def stages(self, task: SamplingTask) -> Iterator[Stage]:
        """Yield the images of a group of members at each noise level."""
        return gaussian_steps(
            task,
            perturbed=not self.point,
            renoised=not self.point,
            iterations=self.solver_iterations,
        )
