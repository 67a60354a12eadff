"""Tikhonov weights of kernels, depending on the distance from the k-space centre."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.kspace.radial_energy import radial_shells, shell_energy

__all__ = ["LocalWeights", "signal_energy"]

# More shells did not improve images.
_SHELLS = 12
# Smallest weight, so that kernels do not fit rounding errors of nearly noise-free data.
_LEAST_WEIGHT = 1e-3
# Smallest signal energy, as a fraction of the noise energy.
_LEAST_SIGNAL = 0.01


@dataclass(frozen=True, eq=False)
class LocalWeights:
    """Tikhonov weights of kernels, by the region of k-space of the missing samples."""

    values: Tensor
    """float64, (region,): as in `fourfold.kspace.grappa_kernel.interpolation_weights`."""
    part: Tensor
    """int64, (ky, kx): index of a sample's region."""

    @classmethod
    def uniform(cls, weight: float, mask: Tensor) -> LocalWeights:
        """Return the same weight for all samples of the mask (ky, kx)."""
        return cls(torch.full((1,), weight, dtype=torch.float64, device=mask.device), torch.zeros_like(mask).long())

    @classmethod
    def of_noise(cls, kspace: Tensor, mask: Tensor, noise: float) -> LocalWeights:
        """Return weights from the noise: its energy over the signal's, for each shell around the centre.

        Kernels are fitted where the signal is strong, and applied where it is weak. The Wiener estimate from sources
        with signal covariance C and white noise σ² is (C + σ²)⁻¹ c. This is Tikhonov regularisation whose weight is σ²
        over the signal's mean energy where the kernel is applied.

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
        """Return the weights plus a small constant, which nearly noise-free equations need."""
        return LocalWeights(self.values + _LEAST_WEIGHT, self.part)

    def mean(self, holes: Tensor) -> float:
        """Return the harmonic mean of the weights of missing samples, bool (ky, kx): strong signal dominates."""
        return float(1 / (1 / self.values)[self.part[holes]].mean())

    def columns(self, extent: slice) -> LocalWeights:
        """Return the weights of a range of columns."""
        return LocalWeights(self.values, self.part[:, extent])


def signal_energy(energy: Tensor, noise: float) -> Tensor:
    """Return the signal energy, positive, from the mean `energy` of samples and the noise variance."""
    return (energy - noise).clamp_min(max(_LEAST_SIGNAL * noise, torch.finfo(torch.float32).tiny))
