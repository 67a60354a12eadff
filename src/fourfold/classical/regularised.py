"""What all methods with a regulariser that solvers know share."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from fourfold.classical.sense import SenseMethod, Watch
from fourfold.optimize.minimum import Minimum
from fourfold.optimize.proximal_gradient import proximal_gradient
from fourfold.optimize.regulariser import Regulariser
from fourfold.physics.sense import SenseProblem

__all__ = ["Regularised"]


class Regularised(SenseMethod):
    """Minimises ½‖A x − y‖² + weight · scale · R(x); a subclass says what R is."""

    @abstractmethod
    def regulariser(self, problem: SenseProblem) -> Regulariser:
        """Return R for images of the problem's shape, on its device."""

    def minimise(
        self, problem: SenseProblem, weight: float, start: Tensor | None = None, watch: Watch | None = None
    ) -> Minimum:
        """Return the solution (frame, set, y, x) for one weight, and how it was found."""
        x, iterations = proximal_gradient(
            problem.encoding.normal,
            problem.rhs,
            self.regulariser(problem),
            weight,
            start=start,
            iterations=self.iterations,
            tolerance=self.tolerance,
            support=problem.support,
            callback=None if watch is None else lambda iteration, x, _: watch(iteration, x),
        )
        return Minimum(x, iterations)
