"""SENSE by conjugate gradient, with Tikhonov regularisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from fourfold.method import Family, Method, Progress, Solution
from fourfold.optimize.conjugate_gradient import conjugate_gradient
from fourfold.physics.espirit import Crop
from fourfold.physics.sense import SenseProblem
from fourfold.scan import Scan

__all__ = ["CgSense"]


class CgSense(Method):
    """Minimises ½‖A x − y‖² + ½ weight ‖x‖² by conjugate gradient (Pruessmann 2001, MRM 46:638).

    The fastest method that uses the coils' sensitivities; noise grows where these are alike.
    """

    name: ClassVar[str] = "cg-sense"
    title: ClassVar[str] = "CG-SENSE"
    family: ClassVar[Family] = "classical"
    rank: ClassVar[int] = 10

    weight: NonNegativeFloat = 0.005
    """Tikhonov weight, relative to the encoding operator's norm of 1; larger is smoother and darker."""
    iterations: PositiveInt = 10
    """At most so many iterations; stopping early regularises too, more amplify the noise."""
    tolerance: NonNegativeFloat = 1e-3
    """Stop when the residual falls below this part of the data."""
    sets: PositiveInt | Literal["auto"] = "auto"
    """Sets of coil maps to estimate: more than one where the object folds over in the full field of view."""
    crop: Crop = 0.0
    """Estimated maps are zero where their eigenvalue is below this; auto keeps the object alone, 0 every pixel."""

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct one frame."""
        progress(0.0, "coil maps")
        problem = SenseProblem.of(scan, self.sets, self.crop)

        def system(x: Tensor) -> Tensor:
            return problem.encoding.normal(x).add_(x, alpha=self.weight)

        x, iterations = conjugate_gradient(
            system,
            problem.rhs,
            iterations=self.iterations,
            tolerance=self.tolerance,
            callback=lambda iteration, _: progress(iteration / self.iterations, f"iteration {iteration}"),
        )
        return Solution(problem.image(x), iterations, problem.scale, problem.notes)
