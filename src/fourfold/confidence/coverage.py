"""Whether a sampler's members spread as far as they err: coverage of held-back samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.confidence.trial import Trial

__all__ = ["LEVEL", "Coverage", "kspace_coverage"]

LEVEL = 0.9
"""Part of the held-back samples that the members' intervals should cover."""
_SHELLS = 12
_LARGEST_TEMPERATURE = 32.0
_BISECTIONS = 40


@dataclass(frozen=True)
class Coverage:
    """How many held-back samples lie where the members say that 90 % of them should."""

    covered: int
    samples: int
    temperature: float
    """Factor of the members' distances from their mean with which 90 % would be covered; at most 32."""


def kspace_coverage(members: Tensor, held: Tensor, trial: Trial) -> Coverage:
    """Return the coverage of held-back samples by the members of an image that was made without them.

    A sample y is taken for circular normal around the members' mean m with the variance s² (1 + 1/n) + σ², where s² is
    the variance of n members, averaged over a shell of k-space, and σ² that of the noise.

    Parameters
    ----------
    members
        complex64, (member, frame, y, x), aligned.
    held
        bool, (frame or 1, ky, kx): the samples that were held back.
    trial
        The method and its scan.

    Raises
    ------
    InputError
        Where the noise cannot be estimated.
    """
    errors, variances, shells = [], [], []
    for frame in range(members.shape[1]):
        mask = held[frame if len(held) > 1 else 0]
        predicted = torch.stack([trial.prediction.kspace(each, frame)[:, mask] for each in members[:, frame]])
        errors.append((trial.scan.kspace[frame][:, mask] - predicted.mean(dim=0)).abs().square())
        variances.append((predicted - predicted.mean(dim=0)).abs().square().sum(dim=0) / (len(members) - 1))
        shells.append(_shell(mask).expand_as(errors[-1]))
    error, variance, shell = (torch.cat([each.flatten() for each in parts]) for parts in (errors, variances, shells))
    spread = _means(variance, shell)[shell] * (1 + 1 / len(members))
    noise = trial.noise_variance

    def covered(temperature: float) -> int:
        return int((error <= -math.log(1 - LEVEL) * (temperature**2 * spread + noise)).sum())

    return Coverage(covered(1.0), error.numel(), _temperature(lambda value: covered(value) / error.numel()))


def _temperature(share: Callable[[float], float]) -> float:
    """Return the smallest temperature at which the covered share reaches the level, by bisection."""
    low, high = 0.0, _LARGEST_TEMPERATURE
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if share(middle) >= LEVEL else (middle, high)
    return high


def _shell(mask: Tensor) -> Tensor:
    """Return the number of the shell of k-space, int64 (sample,), of the samples in `mask` (ky, kx)."""
    row, column = mask.nonzero(as_tuple=True)
    sizes = mask.shape
    distance = torch.hypot((row - sizes[0] // 2) / sizes[0], (column - sizes[1] // 2) / sizes[1])
    return (distance * (_SHELLS / 0.75)).long().clamp_max(_SHELLS - 1)


def _means(values: Tensor, shell: Tensor) -> Tensor:
    """Return the mean of the values in each shell."""
    zeros = torch.zeros(_SHELLS, device=values.device)
    sums, counts = zeros.index_add(0, shell, values), zeros.index_add(0, shell, torch.ones_like(values))
    return sums / counts.clamp_min(1)
