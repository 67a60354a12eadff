"""Kernels that estimate k-space samples of all coils from their neighbours, learnt from calibration k-space."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Equations", "interpolation_weights", "unit_patches"]


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
