"""How much noise each step of an unrolled network takes off, and how far it trusts the result beside the data."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

__all__ = ["NoiseSchedule"]

# The first step takes off this, in parts of bright tissue: what is wrong with the image that it begins with. The last
# one takes off the noise of the data.
_FIRST = 0.05
# What the data would be worth to a denoiser's image of just that noise, by Zhang et al. 2022.
_TRUST = 0.3
# Data without noise are nowhere.
_LEAST = 1e-3


class NoiseSchedule(nn.Module):
    """Noise levels that fall from a fixed one to that of the data, and weights that follow from them.

    With noise σ in the data, step t takes off σₜ = bₜ σ^aₜ and then weighs its image by λₜ = cₜ σ²/σₜ² beside the data
    (Zhang et al. 2022, IEEE TPAMI 44:6360, Eq. 7). All of a, ln b and ln c are learned; at first the levels fall
    geometrically.

    Parameters
    ----------
    steps
        How many.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        follow = torch.linspace(0, 1, steps) if steps > 1 else torch.ones(1)
        self.follow = nn.Parameter(follow)
        self.level = nn.Parameter((1 - follow) * math.log(_FIRST))
        self.trust = nn.Parameter(torch.full((steps,), math.log(_TRUST)))

    def forward(self, noise: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the level σₜ and the weight λₜ of each step, float32 (frame,), for noise σ, float32 (frame,)."""
        noise = noise.clamp_min(_LEAST).log()
        for follow, level, trust in zip(self.follow, self.level, self.trust, strict=True):
            taken = level + follow * noise
            yield taken.exp(), (trust + 2 * (noise - taken)).exp()
