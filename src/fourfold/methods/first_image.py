"""The image that generative methods begin with."""

from __future__ import annotations

from torch import Tensor

from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.sense_problem import SenseProblem

__all__ = ["first_image"]

# The image only has to be close enough to begin with.
_WEIGHT, _ITERATIONS = 0.003, 40


def first_image(problem: SenseProblem) -> Tensor:
    """Return an image (set, y, x) of one frame by total variation, which has not quite converged."""
    return TotalVariation(iterations=_ITERATIONS).minimise(problem, _WEIGHT).x[0]
