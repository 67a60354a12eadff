"""Compressed sensing with wavelets."""

from __future__ import annotations

from typing import ClassVar

from pydantic import PositiveInt

from fourfold.methods.method_settings import MethodSettings
from fourfold.methods.model_based import Weight
from fourfold.methods.regularised_sense import RegularisedSense
from fourfold.methods.sense_problem import SenseProblem
from fourfold.operators.wavelets import OrthogonalWavelet, UndecimatedWavelet
from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.wavelet import CycleSpunPenalty, WaveletPenalty

__all__ = ["Wavelet", "WaveletSettings"]


class WaveletSettings(MethodSettings):
    """Settings of a method whose regulariser is the ℓ1 norm of wavelet details."""

    wavelet: str = "db4"
    """An orthogonal wavelet by PyWavelets' name: db4 (Daubechies, four vanishing moments), sym4, haar, …"""
    levels: PositiveInt = 4
    """Levels of the pyramid."""
    cycle_spinning: bool = True
    """Average over all shifts of the wavelet grid (better); off is the plain orthonormal transform (faster)."""

    def wavelet_penalty(self, problem: SenseProblem) -> Regulariser:
        """Return the ℓ1 norm of the details, of all shifts or of the plain transform."""
        ny, nx = problem.rhs.shape[-2:]
        if self.cycle_spinning:
            return CycleSpunPenalty(UndecimatedWavelet((ny, nx), self.wavelet, self.levels, problem.rhs.device))
        return WaveletPenalty(OrthogonalWavelet((ny, nx), self.wavelet, self.levels))


class Wavelet(WaveletSettings, RegularisedSense):
    """Minimises ½‖A x − y‖² + weight · scale · ‖details of W x‖₁ (Lustig 2007, MRM 58:1182).

    Natural texture and few artefacts. Cycle spinning averages over every shift of the wavelet grid, which removes
    its blocks; unlike with random shifts the image settles.
    """

    name: ClassVar[str] = "wavelet"
    title: ClassVar[str] = "Wavelet"
    display_order: ClassVar[int] = 40

    initial_weight: ClassVar[float] = 0.003

    weight: Weight = "auto"
    """Weight of the wavelet details, relative to the brightness of the image, larger is smoother; auto chooses it."""

    def new_regulariser(self, problem: SenseProblem) -> Regulariser:
        """Return the ℓ1 norm of the details."""
        return self.wavelet_penalty(problem)
