"""Noise levels and data-consistency weights of the steps of an unrolled denoising network."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

__all__ = ["NoiseSchedule"]

# Initial noise level of the first step, relative to bright tissue: the error of the initial image. The last step starts
# with the noise level of the data.
_FIRST_LEVEL = 0.05
# Initial value of c, the factor of the denoised image's weight (Zhang et al. 2022).
_WEIGHT_FACTOR = 0.3
# Smallest noise level of the data, to keep the logarithm finite.
_SMALLEST_NOISE = 1e-3


class NoiseSchedule(nn.Module):
    """Noise levels that fall from a fixed one to that of the data, and the weights that follow from them.

    With noise σ in the data, the denoiser of step t gets the level σₜ = bₜ σ^aₜ, and its image has the weight λₜ = cₜ
    σ²/σₜ² relative to the data (Zhang et al. 2022, IEEE TPAMI 44:6360, Eq. 7). The parameters a (`follow`), ln b
    (`level`) and ln c (`trust`) are learned. Initially the levels fall geometrically.

    Parameters
    ----------
    steps
        Number of steps.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        exponents = torch.linspace(0, 1, steps) if steps > 1 else torch.ones(1)
        self.follow = nn.Parameter(exponents)
        self.level = nn.Parameter((1 - exponents) * math.log(_FIRST_LEVEL))
        self.trust = nn.Parameter(torch.full((steps,), math.log(_WEIGHT_FACTOR)))

    def forward(self, noise: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the level σₜ and the weight λₜ of each step, float32 (frame,), for noise σ, float32 (frame,)."""
        noise = noise.clamp_min(_SMALLEST_NOISE).log()
        for exponent, log_factor, log_weight in zip(self.follow, self.level, self.trust, strict=True):
            log_level = log_factor + exponent * noise
            yield log_level.exp(), (log_weight + 2 * (noise - log_level)).exp()
