"""The size of interpolation kernels, chosen by calibration patches that were held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fourfold.physics.kernels import Equations, interpolation_weights

__all__ = ["SizeChoice", "choose_size"]

_FOLDS = 4
# A larger kernel must score better by this part of the score: fitted to fewer patches it would be worth less.
_GAIN = 0.02
# Smaller errors are those of rounding.
_EXACT = 1e-6


@dataclass(frozen=True)
class SizeChoice:
    """The size that was chosen and why.

    Attributes
    ----------
    size
        The choice.
    scores
        Expected error of every candidate, in parts of the energy of what it estimates.
    """

    size: int
    scores: dict[int, float]

    def summary(self) -> dict[str, Any]:
        """Return candidates, scores and choice as JSON types."""
        return {
            "size": self.size,
            "candidates": [{"size": size, "score": score} for size, score in self.scores.items()],
        }


def choose_size(equations: Sequence[Equations], sizes: Sequence[int], weight: float, noise: float) -> SizeChoice:
    """Return the smallest kernel size that is expected to err hardly more than any other.

    Kernels are fitted to three quarters of the rows of patches and tried on the others, in turn. The patches lie at the
    centre of k-space and kernels are used outside, where there is more noise for the same signal: what the kernel makes
    of that noise is added.

    Parameters
    ----------
    equations
        Of the geometries that matter; each counts by its holes.
    sizes
        Candidates, in steps of the equations' sources, ascending.
    weight
        As in `fourfold.physics.kernels.interpolation_weights`.
    noise
        Noise variance over the mean energy of the signal where the kernels are used.
    """
    if not equations or len(sizes) == 1:
        return SizeChoice(sizes[0], {})
    trials = [(_Folds.of(each), each.holes) for each in equations]
    holes = sum(number for _, number in trials)
    scores = {
        size: sum(number * folds.error(size, weight, noise) for folds, number in trials) / holes for size in sizes
    }
    limit = (1 + _GAIN) * min(scores.values())
    return SizeChoice(next(size for size in sizes if scores[size] <= limit), scores)


@dataclass(frozen=True, eq=False)
class _Folds:
    """SᴴS and SᴴT of every fold's patches, (fold, source, source) and (fold, source, target), and the energy of T."""

    gram: Tensor
    cross: Tensor
    energy: float
    step: int

    @classmethod
    def of(cls, equations: Equations) -> _Folds:
        rows, _, _, step = equations.sources.shape
        parts = [
            (sources.flatten(2).flatten(0, 1), targets.flatten(0, 1))
            for sources, targets in zip(
                equations.sources.tensor_split(min(_FOLDS, rows)),
                equations.targets.tensor_split(min(_FOLDS, rows)),
                strict=True,
            )
        ]
        gram = torch.stack([sources.mH @ sources for sources, _ in parts])
        cross = torch.stack([sources.mH @ targets for sources, targets in parts])
        return cls(gram, cross, float(equations.targets.abs().square().sum()), step)

    def error(self, size: int, weight: float, noise: float) -> float:
        """Return the expected error of kernels of the first `size` steps, over the targets' energy."""
        used = slice(0, size * self.step)
        gram, cross = self.gram[:, used, used], self.cross[:, used]
        kernels = interpolation_weights(gram.sum(dim=0) - gram, cross.sum(dim=0) - cross, weight)
        missed = (kernels.conj() * (gram @ kernels - 2 * cross)).real.sum()
        # Every fold's kernels see the noise of its own patches.
        level = noise * gram.diagonal(dim1=1, dim2=2).real.mean(dim=1)
        amplified = (level[:, None, None] * kernels.abs().square()).sum()
        return max(_EXACT, 1 + float(missed + amplified) / self.energy)
