"""How strongly the kernels for each part of k-space are regularised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.kspace.radial_energy import radial_shells, shell_energy

__all__ = ["LocalWeights", "signal_energy"]

# Finer shells gave no better images.
_SHELLS = 12
# Where there is hardly any noise, this still keeps kernels from following rounding errors.
_LEAST_WEIGHT = 1e-3
# Where noise prevails, so much of its energy is taken for signal.
_LEAST_SIGNAL = 0.01


@dataclass(frozen=True, eq=False)
class LocalWeights:
    """Tikhonov weights of kernels, by the part of k-space in which their holes lie.

    Attributes
    ----------
    values
        float64, (part,): as in `fourfold.kspace.grappa_kernel.interpolation_weights`.
    part
        int64, (ky, kx): which part a sample belongs to.
    """

    values: Tensor
    part: Tensor

    @classmethod
    def uniform(cls, weight: float, mask: Tensor) -> LocalWeights:
        """Return one weight for all samples of the mask (ky, kx)."""
        return cls(torch.full((1,), weight, dtype=torch.float64, device=mask.device), torch.zeros_like(mask).long())

    @classmethod
    def of_noise(cls, kspace: Tensor, mask: Tensor, noise: float) -> LocalWeights:
        """Return the weights that suit the noise: its energy over the signal's, shell by shell around the centre.

        A kernel is fitted where the signal is strong, and used where it is weak. The linear estimate of least expected
        error (Wiener's) from sources with signal covariance C and white noise σ² is (C + σ²)⁻¹ c: Tikhonov's, with
        the weight σ² over the signal's mean energy at the place of use.

        Parameters
        ----------
        kspace
            complex64, (coil, ky, kx).
        mask
            bool, (ky, kx): True where acquired.
        noise
            Variance of the complex noise of a sample of one coil.
        """
        part = radial_shells(mask, _SHELLS)
        energy = shell_energy(kspace, mask, part, _SHELLS)
        return cls(noise / signal_energy(energy, noise), part)

    def loaded(self) -> LocalWeights:
        """Return the weights, raised by the little that noiseless equations need."""
        return LocalWeights(self.values + _LEAST_WEIGHT, self.part)

    def mean(self, holes: Tensor) -> float:
        """Return the holes' (ky, kx) harmonic mean, to which those with most signal contribute most."""
        return float(1 / (1 / self.values)[self.part[holes]].mean())

    def columns(self, extent: slice) -> LocalWeights:
        """Return the weights for an extent of columns alone."""
        return LocalWeights(self.values, self.part[:, extent])


def signal_energy(energy: Tensor, noise: float) -> Tensor:
    """Return the signal's part of the mean `energy` of samples, given the noise's variance; positive."""
    return (energy - noise).clamp_min(max(_LEAST_SIGNAL * noise, torch.finfo(torch.float32).tiny))
