"""Sparse MRI as it was published."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import NonNegativeFloat, PositiveInt

from fourfold.methods.classical.wavelet import WaveletSettings
from fourfold.methods.method import Progress, Solution
from fourfold.methods.model_based import DEFAULT_CONTROL, SolverControl, Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.optimize.minimise import Solver
from fourfold.optimize.minimum import Minimum
from fourfold.regularisers.regulariser import Regulariser
from fourfold.scan import Scan

__all__ = ["Lustig2007"]

_FIXED_WEIGHT = (
    "The weight is the published or a given one and does not follow the noise of the data: with much noise the image "
    "can be worse than a zero-filled one; choose the weight 'auto' or the method 'wavelet'."
)


class Lustig2007(WaveletSettings, RegularisedSense):
    """Minimises ‖A x − y‖² + weight · scale · ‖details of W x‖₁ by nonlinear conjugate gradient (Lustig 2007).

    MRM 58:1182, the baseline that papers compare with, at the settings of the SparseMRI toolbox: the data term without
    ½, and "Daubechies 4" counted in taps, which PyWavelets calls db2. Papers take 80 iterations for T1-weighted images
    and 120 for T2-weighted ones. The wavelet method is better and faster.
    """

    name: ClassVar[str] = "lustig2007"
    title: ClassVar[str] = "Sparse MRI (Lustig 2007)"
    display_order: ClassVar[int] = 39

    initial_weight: ClassVar[float] = 0.003

    weight: Weight = 1e-3
    """Weight of the wavelet details beside ‖A x − y‖², relative to the brightness of the image."""
    wavelet: str = "db2"
    """An orthogonal wavelet by PyWavelets' name; db2 is Daubechies' with four taps."""
    cycle_spinning: bool = False
    """Average over all shifts of the wavelet grid; the published method does not."""
    solver: Solver = "nlcg"
    """nlcg is nonlinear conjugate gradient with backtracking, as published; others reach the same minimum sooner."""
    iterations: PositiveInt = 80
    """At most so many iterations: 80 for T1-weighted images, 120 for T2-weighted ones."""
    tolerance: NonNegativeFloat = 0.0
    """Stop when an iteration changes the image by less than this part of it; 0 does all iterations."""

    def new_regulariser(self, problem: SenseProblem) -> Regulariser:
        """Return the ℓ1 norm of the details."""
        return self.wavelet_penalty(problem)

    def solve(self, scan: Scan, progress: Progress) -> Solution:
        """Reconstruct as every method does; a weight that does not follow the noise is stated."""
        solution = super().solve(scan, progress)
        return solution if self.weight == "auto" else replace(solution, notes=(*solution.notes, _FIXED_WEIGHT))

    def minimise(self, problem: SenseProblem, weight: float, control: SolverControl = DEFAULT_CONTROL) -> Minimum:
        """Return the minimum (frame, set, y, x); the published objective has no ½ in front of the data term."""
        return super().minimise(problem, weight / 2, control)
