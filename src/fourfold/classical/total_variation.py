"""Compressed sensing with total variation."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveInt

from fourfold.method import Family, Method, Progress, Solution
from fourfold.optimize.proximal_gradient import proximal_gradient
from fourfold.optimize.total_variation import TotalVariationPenalty
from fourfold.physics.espirit import Crop
from fourfold.physics.sense import SenseProblem
from fourfold.scan import Scan

__all__ = ["TotalVariation"]


class TotalVariation(Method):
    """Minimises ½‖A x − y‖² + weight · scale · TV(x), isotropic total variation (Block 2007, MRM 57:1086).

    Sharp edges and flat regions; runs until it has converged. The scale is computed from the measured data, so that
    one weight serves every scanner.
    """

    name: ClassVar[str] = "tv"
    title: ClassVar[str] = "Total variation"
    family: ClassVar[Family] = "classical"
    rank: ClassVar[int] = 30

    weight: NonNegativeFloat = 0.0014
    """Weight of the total variation, relative to the brightness of the image; larger is smoother."""
    iterations: PositiveInt = 200
    """At most so many iterations."""
    tolerance: NonNegativeFloat = 2e-4
    """Stop when an iteration changes the image by less than this part of it."""
    sets: PositiveInt | Literal["auto"] = "auto"
    """Sets of coil maps to estimate: more than one where the object folds over in the full field of view."""
    crop: Crop = 0.0
    """Estimated maps are zero where their eigenvalue is below this; auto keeps the object alone, 0 every pixel."""

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        progress(0.0, "coil maps")
        problem = SenseProblem.of(scan, self.sets, self.crop)
        x, iterations = proximal_gradient(
            problem.encoding.normal,
            problem.rhs,
            TotalVariationPenalty(),
            self.weight,
            iterations=self.iterations,
            tolerance=self.tolerance,
            callback=lambda iteration, _, change: progress(
                iteration / self.iterations, f"iteration {iteration}, change {change:.0e}"
            ),
        )
        return Solution(problem.image(x), iterations, problem.scale, problem.notes)
