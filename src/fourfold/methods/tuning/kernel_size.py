"""The size of interpolation kernels, chosen by calibration patches that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fourfold.kspace.grappa_kernel import Equations, Folds

__all__ = ["KernelSizeChoice", "choose_size"]

# A larger kernel must score better by this part of the score: fitted to fewer patches it would be worth less.
_GAIN = 0.02
# Smaller errors are those of rounding.
_EXACT = 1e-6


@dataclass(frozen=True)
class KernelSizeChoice:
    """The chosen size and the scores behind it."""

    size: int
    """The choice."""
    scores: dict[int, float]
    """Expected error of every candidate, in parts of the energy of what it estimates."""

    def summary(self) -> dict[str, Any]:
        """Return candidates, scores and choice as JSON types."""
        return {
            "size": self.size,
            "candidates": [{"size": size, "score": score} for size, score in self.scores.items()],
        }


def choose_size(equations: Sequence[Equations], sizes: Sequence[int], weight: float, noise: float) -> KernelSizeChoice:
    """Return the smallest kernel size that is expected to err hardly more than any other.

    Kernels are fitted to three quarters of the rows of patches and tried on the others, in turn. The patches lie at the
    centre of k-space and kernels are used outside, where there is more noise for the same signal: what the kernel makes
    of that noise is added.

    Parameters
    ----------
    equations
        Of the geometries that matter; each is weighted by its number of missing samples.
    sizes
        Candidates, in steps of the equations' sources, ascending.
    weight
        As in `fourfold.kspace.grappa_kernel.interpolation_weights`.
    noise
        Noise variance over the mean energy of the signal where the kernels are used.
    """
    if not equations or len(sizes) == 1:
        return KernelSizeChoice(sizes[0], {})
    trials = [(each, Folds.of(each.sources.flatten(2), each.targets)) for each in equations]
    total = sum(each.missing for each in equations)
    scores = {
        size: sum(each.missing * _error(each, folds, size, weight, noise) for each, folds in trials) / total
        for size in sizes
    }
    limit = (1 + _GAIN) * min(scores.values())
    return KernelSizeChoice(next(size for size in sizes if scores[size] <= limit), scores)


def _error(equations: Equations, folds: Folds, size: int, weight: float, noise: float) -> float:
    """Return the expected error of kernels of the first `size` steps, in parts of the targets' energy."""
    used = folds.first(size * equations.sources.shape[-1])
    kernels = used.kernels(weight)
    missed = (kernels.conj() * (used.gram @ kernels - 2 * used.cross)).real.sum()
    energy = float(equations.targets.abs().square().sum())
    # Every part's kernels see the noise of its own patches.
    return max(_EXACT, 1 + float(missed + used.noise(kernels, noise).sum()) / energy)
