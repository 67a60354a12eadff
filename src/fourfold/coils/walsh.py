"""Walsh's adaptive combination: coil maps from the local covariance of coil images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from fourfold.coils.eigenvectors import pixels_per_block, principal_eigenvectors
from fourfold.coils.map_phase import align_phase
from fourfold.errors import InputError

__all__ = ["walsh"]


@torch.no_grad()
def walsh(coil_images: Tensor, window: int = 7) -> Tensor:
    """Estimate coil maps from coil images (Walsh et al. 2000, MRM 43:682).

    The map of a pixel is the principal eigenvector of the coils' covariance in a window around it. Low-resolution
    images of a few calibration lines are sufficient. Unlike ESPIRiT, it does not determine the support of the object,
    and it cannot separate fold-over. The coils' noise should be white.

    Parameters
    ----------
    coil_images
        complex64, (frame, coil, y, x), without aliasing.
    window
        Odd width in pixels over which the coils' covariance is averaged.

    Returns
    -------
    Tensor
        complex64, (frame, 1, coil, y, x), unit root-sum-of-squares over coils; zero where all images are zero in
        the window.

    Raises
    ------
    InputError
        When the window is even or below one.
    """
    if window < 1 or window % 2 == 0:
        raise InputError(f"The window is {window} pixels wide; choose an odd number from 1.")
    maps = torch.empty_like(coil_images)[:, None]
    for images, out in zip(coil_images, maps, strict=True):
        unit = images.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
        _solve_frame(images / unit, out[0], window)
        align_phase(out, images / unit)
    return maps


def _solve_frame(images: Tensor, maps: Tensor, window: int) -> None:
    """Write the principal eigenvectors (coil, y, x) of the local covariances of `images`, row block by row block."""
    coils, ny, nx = images.shape
    margin = window // 2
    patches = pad(images, (margin, margin, margin, margin)).unfold(1, window, 1).unfold(2, window, 1)
    rows = max(1, pixels_per_block(coils, images.device) // nx)
    for start in range(0, ny, rows):
        block = slice(start, start + rows)
        local = patches[:, block].permute(1, 2, 0, 3, 4).flatten(3)
        vectors, _ = principal_eigenvectors(local @ local.mH)
        maps[:, block] = vectors[..., 0].permute(2, 0, 1)
