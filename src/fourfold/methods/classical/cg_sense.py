"""SENSE by conjugate gradient, with Tikhonov regularisation."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from fourfold.methods.model_based import DEFAULT_CONTROL, ModelBasedMethod, SolverControl, Weight
from fourfold.methods.sense_problem import SenseProblem
from fourfold.optimize.conjugate_gradient import conjugate_gradient
from fourfold.optimize.minimum import Minimum

__all__ = ["CgSense"]


class CgSense(ModelBasedMethod):
    """Minimises ½‖A x − y‖² + ½ weight ‖x‖² by conjugate gradient (Pruessmann 2001, MRM 46:638).

    The fastest method that uses the coils' sensitivities; noise grows where these are alike.
    """

    name: ClassVar[str] = "cg-sense"
    title: ClassVar[str] = "CG-SENSE"
    display_order: ClassVar[int] = 10

    initial_weight: ClassVar[float] = 0.01
    phase_sensitive: ClassVar[bool] = False
    holds_out_lines: ClassVar[bool] = False

    weight: Weight = "auto"
    """Tikhonov weight, relative to the encoding operator's norm of 1, larger is darker; auto chooses it."""
    iterations: PositiveInt = 100
    """At most so many iterations; few of them regularise too."""
    tolerance: NonNegativeFloat = 3e-4
    """Stop when the residual falls below this part of the data."""

    def minimise(self, problem: SenseProblem, weight: float, control: SolverControl = DEFAULT_CONTROL) -> Minimum:
        """Return the Tikhonov solution (frame, set, y, x) by conjugate gradient."""

        def system(x: Tensor) -> Tensor:
            return torch.add(problem.encoding.normal(x), x, alpha=weight)

        x, iterations = conjugate_gradient(
            system,
            problem.rhs,
            control.start,
            iterations=self.iterations,
            tolerance=self.tolerance,
            callback=control.callback,
        )
        return Minimum(x, iterations)
