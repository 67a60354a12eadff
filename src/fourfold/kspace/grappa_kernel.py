"""GRAPPA kernels: fitted to calibration k-space, they estimate samples of all coils from their neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Equations", "Folds", "interpolation_weights", "unit_patches"]

_FOLDS = 4


class Equations(NamedTuple):
    """The equations that the kernel of one geometry is fitted to, one for every patch of calibration k-space."""

    sources: Tensor
    """complex, (row of patches, column, step, source · coil); larger kernels use more steps."""
    targets: Tensor
    """complex, (row, column, target)."""
    missing: int
    """Number of missing samples with this geometry."""


def unit_patches(calibration: Tensor, window: tuple[int, int]) -> Tensor:
    """Return every patch of the calibration k-space, scaled to unit energy.

    Each patch is one equation for the kernels. Without scaling, the few patches at the k-space centre contain nearly
    all energy and would dominate the fit of kernels that are applied far from the centre.

    Parameters
    ----------
    calibration
        complex, (coil, ky, kx).
    window
        Size (ny, nx) of the patches.

    Returns
    -------
    Tensor
        Of the calibration's type, (patch, ny, nx, coil).
    """
    ny, nx = window
    # Normalised first: squares of raw k-space may exceed the range of single precision.
    calibration = calibration / calibration.abs().max()
    patches = calibration.unfold(1, ny, 1).unfold(2, nx, 1).permute(1, 2, 3, 4, 0).flatten(0, 1)
    energy = torch.view_as_real(calibration).square().sum(dim=(0, 3)).unfold(0, ny, 1).unfold(1, nx, 1)
    energy = energy.sum(dim=(2, 3)).flatten()[:, None, None, None]
    # Patches with rounding errors only must not have the same weight.
    floor = 1e-6 * energy.mean()
    return patches * (energy + floor).rsqrt()


def interpolation_weights(gram: Tensor, targets: Tensor, weight: float | Tensor) -> Tensor:
    """Return the Tikhonov-regularised least-squares weights (SᴴS + λ)⁻¹ SᴴT of estimating targets T from sources S.

    Parameters
    ----------
    gram
        SᴴS, complex, (…, source, source).
    targets
        SᴴT, complex, (…, source, target).
    weight
        λ relative to the mean energy of the sources, the mean diagonal of the Gram matrix; positive. A single number,
        or real, (…, 1), of the precision of `gram`.

    Returns
    -------
    Tensor
        complex, (…, source, target).
    """
    loaded = gram.clone()
    diagonal = loaded.diagonal(dim1=-2, dim2=-1)
    diagonal += weight * diagonal.mean(dim=-1, keepdim=True)
    return torch.cholesky_solve(targets, torch.linalg.cholesky(loaded))


@dataclass(frozen=True, eq=False)
class Folds:
    """SᴴS and SᴴT of cross-validation folds, (fold, source, source) and (fold, source, target).

    Kernels are fitted to all folds but one and evaluated on that one, in turn.
    """

    gram: Tensor
    cross: Tensor

    @classmethod
    def of(cls, sources: Tensor, targets: Tensor) -> Folds:
        """Return the folds of sources (row of patches, column, source) and targets (row, column, target)."""
        folds = [
            (one.flatten(0, 1), other.flatten(0, 1))
            for one, other in zip(
                sources.tensor_split(min(_FOLDS, len(sources))),
                targets.tensor_split(min(_FOLDS, len(targets))),
                strict=True,
            )
        ]
        return cls(
            torch.stack([one.mH @ one for one, _ in folds]), torch.stack([one.mH @ other for one, other in folds])
        )

    def first(self, sources: int) -> Folds:
        """Return the folds with only the first `sources` sources."""
        return Folds(self.gram[:, :sources, :sources], self.cross[:, :sources])

    def kernels(self, weight: float) -> Tensor:
        """Return the kernels (fold, source, target), each fitted to all other folds."""
        return interpolation_weights(self.gram.sum(dim=0) - self.gram, self.cross.sum(dim=0) - self.cross, weight)

    def noise(self, kernels: Tensor, noise: float) -> Tensor:
        """Return the noise energy (fold, target) in the estimates of each fold.

        `noise` is the energy of the noise relative to the mean energy of the sources.
        """
        level = noise * self.gram.diagonal(dim1=1, dim2=2).real.mean(dim=1)
        return level[:, None] * kernels.abs().square().sum(dim=1)

    def gains(self, weight: float, missing: int) -> Tensor:
        """Return factors (missing,), from 0 to 1, for the estimates of each missing sample.

        The factor that makes estimates p closest to the targets t is g = ⟨p, t⟩ / ⟨p, p⟩. Below one half, zero is
        closer than p. It is computed by cross-validation, with the noise level where the kernel is applied. The kernels
        of the folds are fitted to fewer patches and are worse than the final one, so that the factor is 2 g, at most 1.
        With fewer equations than unknowns, or across gaps that are too wide for the coils, estimates were up to twenty
        times too strong without it.
        """
        kernels = self.kernels(weight)
        estimated = (kernels.conj() * (self.gram @ kernels)).real.sum(dim=1) + self.noise(kernels, weight)
        correlation = (kernels.conj() * self.cross).real.sum(dim=1)
        estimated, correlation = (each.sum(dim=0).reshape(missing, -1).sum(dim=1) for each in (estimated, correlation))
        return (2 * correlation / estimated.clamp_min(torch.finfo(estimated.dtype).tiny)).clamp(0, 1)
