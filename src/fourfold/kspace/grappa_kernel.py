"""Kernels that estimate k-space samples of all coils from their neighbours, learnt from calibration k-space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Equations", "Folds", "interpolation_weights", "unit_patches"]

_FOLDS = 4


class Equations(NamedTuple):
    """What the kernel of one geometry is fitted to: an equation for every patch of calibration k-space.

    Attributes
    ----------
    sources
        complex, (row of patches, column, step, source · coil): kernels of growing size use the first steps of them.
    targets
        complex, (row, column, target).
    holes
        How many holes have this geometry.
    """

    sources: Tensor
    targets: Tensor
    holes: int


def unit_patches(calibration: Tensor, window: tuple[int, int]) -> Tensor:
    """Return every patch of the calibration k-space, scaled to unit energy.

    Each patch is one equation for the kernels. As acquired, the few patches at the very centre of k-space hold
    nearly all energy and would alone decide on kernels that are then used far from it; scaled, all have one say.

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
    # Brought to one first: squares of raw k-space may leave the range of single precision.
    calibration = calibration / calibration.abs().max()
    patches = calibration.unfold(1, ny, 1).unfold(2, nx, 1).permute(1, 2, 3, 4, 0).flatten(0, 1)
    energy = torch.view_as_real(calibration).square().sum(dim=(0, 3)).unfold(0, ny, 1).unfold(1, nx, 1)
    energy = energy.sum(dim=(2, 3)).flatten()[:, None, None, None]
    # Patches of nothing but rounding errors must not count like the others.
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
        λ over the mean energy of the sources, which is the Gram matrix's mean diagonal; positive. One for all, or real,
        (…, 1), of the precision of `gram`.

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
    """SᴴS and SᴴT of every part of the patches, (part, source, source) and (part, source, target).

    Kernels are fitted to all parts but one and tried on that one, in turn.
    """

    gram: Tensor
    cross: Tensor

    @classmethod
    def of(cls, sources: Tensor, targets: Tensor) -> Folds:
        """Return the parts of sources (row of patches, column, source) and targets (row, column, target)."""
        parts = [
            (one.flatten(0, 1), other.flatten(0, 1))
            for one, other in zip(
                sources.tensor_split(min(_FOLDS, len(sources))),
                targets.tensor_split(min(_FOLDS, len(targets))),
                strict=True,
            )
        ]
        return cls(
            torch.stack([one.mH @ one for one, _ in parts]), torch.stack([one.mH @ other for one, other in parts])
        )

    def first(self, sources: int) -> Folds:
        """Return the parts with the first so many sources alone."""
        return Folds(self.gram[:, :sources, :sources], self.cross[:, :sources])

    def kernels(self, weight: float) -> Tensor:
        """Return the kernels (part, source, target) that were fitted to all other parts."""
        return interpolation_weights(self.gram.sum(dim=0) - self.gram, self.cross.sum(dim=0) - self.cross, weight)

    def noise(self, kernels: Tensor, noise: float) -> Tensor:
        """Return the energy, (part, target), of the noise that kernels see in the patches of their part.

        `noise` is its energy over the mean energy of the sources.
        """
        level = noise * self.gram.diagonal(dim1=1, dim2=2).real.mean(dim=1)
        return level[:, None] * kernels.abs().square().sum(dim=1)

    def gains(self, weight: float, holes: int) -> Tensor:
        """Return by what to multiply the estimates for each of some holes, from 0 to 1, (hole,).

        The factor that brings estimates p closest to what they estimate, t, is g = ⟨p, t⟩ / ⟨p, p⟩; where it is below
        one half, an empty sample is closer than p. It is taken from patches to which the kernels were not fitted, with
        the noise of the place where they are used. Fitted to fewer patches these kernels are worse than the one that
        is used, so that the factor is 2 g, at most 1. With fewer equations than unknowns, or across gaps that the coils
        cannot bridge, estimates were up to twenty times stronger than what they stood for.
        """
        kernels = self.kernels(weight)
        estimated = (kernels.conj() * (self.gram @ kernels)).real.sum(dim=1) + self.noise(kernels, weight)
        agreed = (kernels.conj() * self.cross).real.sum(dim=1)
        estimated, agreed = (each.sum(dim=0).reshape(holes, -1).sum(dim=1) for each in (estimated, agreed))
        return (2 * agreed / estimated.clamp_min(torch.finfo(estimated.dtype).tiny)).clamp(0, 1)
