"""How strong the noise of each frame is, told by its outermost samples."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.scan import Scan

__all__ = ["noise_deviation", "noise_level", "squared_distance"]

# Samples count by this power of their distance from the centre of k-space: the outermost that were acquired.
_POWER = 20
_TINY = torch.finfo(torch.float32).tiny


def noise_deviation(scan: Scan) -> float:
    """Return the standard deviation of the complex noise of a sample of a Cartesian scan, the mean over all frames.

    From the noise scan where there is one, otherwise from the outermost samples (`noise_level`).
    """
    if scan.noise is not None:
        return float(scan.noise.abs().square().mean().sqrt())
    return float(noise_level(scan.kspace, scan.mask).square().mean().sqrt())


def noise_level(kspace: Tensor, mask: Tensor) -> Tensor:
    """Return the standard deviation of the complex noise of a sample, the root of E|n|², as the mean over coils.

    Signal that is left far out makes it too large rather than too small: for scans without calibration lines, whose
    noise `fourfold.noise.calibration_noise` tells better.

    Parameters
    ----------
    kspace
        complex64, (frame, coil, ky, kx), centred, zero where nothing was acquired.
    mask
        bool, (frame or 1, ky, kx).

    Returns
    -------
    Tensor
        float32, (frame,), in the unit of the k-space.
    """
    ny, nx = kspace.shape[-2:]
    weights = mask * squared_distance((ny, nx), kspace.device).pow(_POWER // 2)
    power = torch.view_as_real(kspace).square().sum(dim=-1).mean(dim=1)
    total = (weights * power).sum(dim=(1, 2))
    return (total / weights.sum(dim=(1, 2)).clamp_min(_TINY)).sqrt()


def squared_distance(shape: tuple[int, int], device: torch.device) -> Tensor:
    """Return each sample's squared distance from the centre of k-space, float32 (ky, kx), in parts of the matrix."""
    rows, columns = ((torch.arange(size, device=device) - size // 2) / size for size in shape)
    return rows[:, None].square() + columns.square()
