"""What all methods with a regulariser that solvers know share."""

from __future__ import annotations

from abc import abstractmethod

from fourfold.methods.model_based import DEFAULT_CONTROL, ModelBasedMethod, SolverControl
from fourfold.methods.sense_problem import SenseProblem
from fourfold.optimize.iterate import Stopping
from fourfold.optimize.minimise import Solver, minimise
from fourfold.optimize.minimum import Minimum
from fourfold.regularisers.regulariser import AnyRegulariser

__all__ = ["RegularisedSense"]


class RegularisedSense(ModelBasedMethod):
    """Minimises ½‖A x − y‖² + weight · scale · R(x); a subclass says what R is."""

    solver: Solver = "auto"
    """fista, admm, primal-dual, nlcg (nonlinear conjugate gradient); auto: the fastest that fits, fista or nlcg."""
    stopping: Stopping = "change"
    """What falls below the tolerance: an iteration's change of the image, of the objective, or the duality gap."""

    @abstractmethod
    def new_regulariser(self, problem: SenseProblem) -> AnyRegulariser:
        """Return R for images of the problem's shape, on its device."""

    def minimise(self, problem: SenseProblem, weight: float, control: SolverControl = DEFAULT_CONTROL) -> Minimum:
        """Return the minimum (frame, set, y, x) by the chosen `solver`."""
        callback = control.callback
        return minimise(
            problem.data_term,
            self.new_regulariser(problem),
            weight,
            solver=self.solver,
            stopping=self.stopping,
            start=control.start,
            iterations=self.iterations,
            tolerance=self.tolerance,
            support=problem.support,
            callback=None if callback is None else lambda iteration, x, _: callback(iteration, x),
        )
