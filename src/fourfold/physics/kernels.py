"""Kernels that estimate k-space samples of all coils from their neighbours, learnt from calibration k-space."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["interpolation_weights", "unit_patches"]


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
    energy = torch.view_as_real(patches).square().sum(dim=(1, 2, 3, 4))[:, None, None, None]
    # Patches of nothing but rounding errors must not count like the others.
    floor = 1e-6 * energy.mean()
    return patches * (energy + floor).rsqrt()


def interpolation_weights(gram: Tensor, targets: Tensor, weight: float) -> Tensor:
    """Return the Tikhonov-regularised least-squares weights (SᴴS + λ)⁻¹ SᴴT of estimating targets T from sources S.

    Parameters
    ----------
    gram
        SᴴS, complex, (…, source, source).
    targets
        SᴴT, complex, (…, source, target).
    weight
        λ over the mean energy of the sources, which is the Gram matrix's mean diagonal; positive.

    Returns
    -------
    Tensor
        complex, (…, source, target).
    """
    loaded = gram.clone()
    diagonal = loaded.diagonal(dim1=-2, dim2=-1)
    diagonal += weight * diagonal.mean(dim=-1, keepdim=True)
    return torch.cholesky_solve(targets, torch.linalg.cholesky(loaded))
