"""Samples of the images that measurements and a prior leave possible; the prior is known by its denoiser.

Members are frames of one batch. Each has a generator of its own for all of its random numbers. All standard deviations
are those of the real part and of the imaginary part, as a `Denoiser` takes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d

from fourfold.denoisers.denoiser import Denoiser
from fourfold.optimize.conjugate_gradient_steps import conjugate_gradient_steps, inner_of_each
from fourfold.optimize.least_squares import LeastSquares

__all__ = [
    "Measurement",
    "SamplingTask",
    "Stage",
    "balanced_langevin_steps",
    "falling_levels",
    "gaussian_steps",
    "langevin_steps",
    "white_images",
]

_TINY = torch.finfo(torch.float32).tiny
# Side of a neighbourhood, whose mean is taken twice, and the smallest variance of a pixel, relative to the noise's.
_NEIGHBOURHOOD, _SMALLEST_VARIANCE = 9, 1e-2

Stage: TypeAlias = tuple[float, Tensor]
"""A noise level that is done, and the images (member, set, y, x) at its end, without that noise."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """y = A x + n with white noise n."""

    data: LeastSquares[float]
    """A and y; the norm of A is at most 1."""
    noise_std: float
    """Standard deviation of n."""
    noise_images: Callable[[Sequence[Generator]], Tensor]
    """Draws Aᴴ n (member, set, y, x) for n of standard deviation 1, each member from its generator."""
    effort: int = 1
    """How many times as many iterations a solver needs for A as for Cartesian samples."""


@dataclass(frozen=True, eq=False)
class SamplingTask:
    """What is drawn, the same for every sampler."""

    measured: Measurement
    """The measurement that the images explain."""
    denoise: Denoiser
    """The prior's denoiser."""
    levels: Sequence[float]
    """The noise levels."""
    start: Tensor
    """complex64, (set, y, x): an image whose error is well below the first level."""
    generators: Sequence[Generator]
    """One for each member."""

    def first_images(self) -> Tensor:
        """Return the members (member, set, y, x) with the noise of the first level."""
        return self.start + self.levels[0] * white_images(self.generators, self.start)


def falling_levels(first: float, last: float, count: int) -> list[float]:
    """Return `count` noise levels that fall geometrically from `first` to `last`; a single one is `last`."""
    if count == 1:
        return [last]
    return [first * (last / first) ** (step / (count - 1)) for step in range(count)]


def white_images(generators: Sequence[Generator], like: Tensor) -> Tensor:
    """Return white noise (member, set, y, x) of standard deviation 1 for images `like` (…, set, y, x).

    It is drawn on the CPU, so that all devices get the same numbers.
    """
    shape = like.shape[-3:]
    drawn = torch.stack([torch.randn(shape, dtype=torch.complex64, generator=generator) for generator in generators])
    return drawn.mul_(math.sqrt(2)).to(like.device)


def gaussian_steps(
    task: SamplingTask,
    *,
    perturbed: bool = True,
    renoised: bool = True,
    iterations: int = 8,
) -> Iterator[Stage]:
    """Yield samples at falling noise levels by Gaussian posterior steps; those at the last level are the result.

    At each level σ the prior of an image, given its noisy version xₜ, is taken as N(D(xₜ, σ), r²). Together with the
    measurement this is a Gaussian, from which an image is drawn exactly; noise of the next level is added to it. This
    is DAPS (Zhang et al. 2024, arXiv:2407.01521) with an exact draw in place of its inner Langevin iterations, and
    with a variance r² of each pixel that follows from the denoiser (`_prior_std`) in place of σ².

    With the mean in place of the draw (`perturbed` off) and r = σ it is DiffPIR (Zhu et al. 2023, arXiv:2305.08995)
    with λ = ζ = 1, whose spread is too small. Without the added noise too (`renoised` off) all members are one image,
    which is close to the mean of many samples: half quadratic splitting (Zhang et al. 2022, IEEE TPAMI 44:6360).

    Parameters
    ----------
    task
        Measurement, denoiser D, levels and members.
    perturbed
        Whether images are drawn; otherwise each is the mean.
    renoised
        Whether each level begins with its noise added.
    iterations
        Conjugate-gradient iterations of a draw.
    """
    x = task.start.expand(len(task.generators), -1, -1, -1)
    for level in task.levels:
        std: float | Tensor = level
        if renoised:
            noise = white_images(task.generators, x)
            near = task.denoise(x + level * noise, level)
            std = _prior_std(noise, near - x, level) if perturbed else level
        else:
            near = task.denoise(x, level)
        x = _conditional(task, near, std, float(perturbed), iterations)
        yield level, x


def langevin_steps(
    task: SamplingTask,
    *,
    step_size: float = 0.5,
    steps: int = 1,
    iterations: int = 8,
) -> Iterator[Stage]:
    """Yield samples at falling noise levels by preconditioned unadjusted Langevin steps.

    x ← x + γ P (score + Aᴴ(y − A x)/s²) + √(2γ) P^½ n with P = (AᴴA/s² + 1/σ²)⁻¹ and the score (D(x, σ) − x)/σ², as in
    Blumenthal et al. 2025 (arXiv:2512.05791). The step is one solve: P times the gradient is the way from x to the
    mean of the Gaussian posterior step, and P^½ n its perturbation.

    Parameters
    ----------
    task, iterations
        As in `gaussian_steps`.
    step_size
        γ, between 0 and 1.
    steps
        Steps at each level.
    """
    x = task.first_images()
    for level in task.levels:
        for _ in range(steps):
            drawn = _conditional(task, task.denoise(x, level), level, math.sqrt(2 / step_size), iterations)
            x = x + step_size * (drawn - x)
        yield level, x


def balanced_langevin_steps(
    task: SamplingTask,
    *,
    step_size: float,
    steps: int,
    data_weight: float,
) -> Iterator[Stage]:
    """Yield images at falling noise levels by the Langevin steps of Jalal et al. 2021 (arXiv:2108.01368).

    x ← x + η (score + w g) + √(2η) n with η = γσ², the score (D(x, σ) − x)/σ², and g = Aᴴ(y − A x). As in the authors'
    code, and other than in their paper, w gives the gradient g a multiple of the score's norm.

    Parameters
    ----------
    task
        As in `gaussian_steps`; the noise of the measurement does not count.
    step_size
        γ.
    steps
        Steps at each level.
    data_weight
        Norm of w g relative to that of the score.
    """
    data, x = task.measured.data, task.first_images()
    for level in task.levels:
        step = step_size * level**2
        for _ in range(steps):
            score = (task.denoise(x, level) - x) / level**2
            gradient = data.rhs - data.normal(x)
            ratio = inner_of_each(score, score) / inner_of_each(gradient, gradient).clamp_min(_TINY)
            x = x + step * (score + data_weight * ratio.sqrt() * gradient)
            x = x + math.sqrt(2 * step) * white_images(task.generators, task.start)
        yield level, x


def _prior_std(noise: Tensor, change: Tensor, level: float) -> Tensor:
    """Return the standard deviation r of the prior at each pixel of images (member, set, y, x), given noisy ones.

    The covariance of images given x + σn is σ²J with the Jacobian J of the denoiser D (Efron 2011, JASA 106:1602). The
    mean of its diagonal in a neighbourhood follows from the noise that was added, without another call of D: that of
    Re n̄ (D(x + σn) − x) / σ over that of |n|² (Stein 1981). It is the variance of a structure of one pixel. That of
    structures of many pixels, as aliasing is, is larger, at most σ². r² is the geometric mean of both, σ²√J. On heads
    left out the spread of members is then their error; with σ² it is 1.4 times, with σ²J .7 times as large.

    Parameters
    ----------
    noise
        n, of standard deviation 1 in each part.
    change
        D(x + σn) − x.
    level
        σ.
    """
    along_noise = _local_mean((noise.conj() * change).real) / level
    jacobian = (along_noise / _local_mean(noise.abs().square())).clamp(_SMALLEST_VARIANCE, 1.0)
    return level * jacobian**0.25


def _local_mean(values: Tensor) -> Tensor:
    """Return the mean over the neighbourhood of each pixel, with a smooth border; values (member, set, y, x)."""
    rows = values.flatten(0, 1)[:, None]
    for _ in range(2):
        rows = avg_pool2d(rows, _NEIGHBOURHOOD, stride=1, padding=_NEIGHBOURHOOD // 2)
    return rows[:, 0].view(values.shape)


def _conditional(task: SamplingTask, near: Tensor, std: float | Tensor, strength: float, iterations: int) -> Tensor:
    """Return draws from N(m, strength² P): P = (AᴴA/s² + 1/r²)⁻¹, m = P (Aᴴy/s² + near/r²).

    The prior's mean and the data are perturbed by their own noise, and the mean is solved for (Papandreou & Yuille
    2010, NeurIPS), in the unknown z = (x − near) / r. What A does not see is drawn without any error of the solver.

    Parameters
    ----------
    std
        r, a number or (member, set, y, x).
    """
    measured = task.measured
    rhs, noise = measured.data.rhs, measured.noise_std
    if strength:
        rhs = rhs + strength * noise * measured.noise_images(task.generators)
        near = near + strength * std * white_images(task.generators, near)
    change = conjugate_gradient_steps(
        lambda z: std * measured.data.normal(std * z),
        inner_of_each,
        std * (rhs - measured.data.normal(near)),
        torch.zeros_like(near),
        noise**2,
        measured.effort * iterations,
    )
    return near + std * change
