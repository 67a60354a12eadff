"""Compressed sensing with wavelets."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveInt

from fourfold.method import Family, Method, Progress, Solution
from fourfold.optimize.proximal_gradient import proximal_gradient
from fourfold.optimize.regulariser import Regulariser
from fourfold.optimize.wavelet import CycleSpunPenalty, WaveletPenalty
from fourfold.physics.espirit import Crop
from fourfold.physics.sense import SenseProblem
from fourfold.physics.wavelet import OrthogonalWavelet, UndecimatedWavelet
from fourfold.scan import Scan

__all__ = ["Wavelet"]


class Wavelet(Method):
    """Minimises ½‖A x − y‖² + weight · scale · ‖details of W x‖₁ (Lustig 2007, MRM 58:1182).

    Natural texture and few artefacts. Cycle spinning averages over every shift of the wavelet grid, which removes
    its blocks; unlike with random shifts the image settles.
    """

    name: ClassVar[str] = "wavelet"
    title: ClassVar[str] = "Wavelet"
    family: ClassVar[Family] = "classical"
    rank: ClassVar[int] = 40

    weight: NonNegativeFloat = 0.0017
    """Weight of the wavelet details, relative to the brightness of the image; larger is smoother."""
    wavelet: str = "db4"
    """An orthogonal wavelet by PyWavelets' name: db4 (Daubechies, four vanishing moments), sym4, haar, …"""
    levels: PositiveInt = 4
    """Levels of the pyramid."""
    cycle_spinning: bool = True
    """Average over all shifts of the wavelet grid (better); off is the plain orthonormal transform (faster)."""
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
            self._regulariser(scan),
            self.weight,
            iterations=self.iterations,
            tolerance=self.tolerance,
            callback=lambda iteration, _, change: progress(
                iteration / self.iterations, f"iteration {iteration}, change {change:.0e}"
            ),
        )
        return Solution(problem.image(x), iterations, problem.scale, problem.notes)

    def _regulariser(self, scan: Scan) -> Regulariser:
        if self.cycle_spinning:
            return CycleSpunPenalty(UndecimatedWavelet(scan.shape, self.wavelet, self.levels, scan.kspace.device))
        return WaveletPenalty(OrthogonalWavelet(scan.shape, self.wavelet, self.levels))
