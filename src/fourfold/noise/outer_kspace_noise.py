"""Noise level of each frame, from the outermost k-space samples."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.scan import Scan

__all__ = ["noise_std_of_scan", "outer_noise_std", "squared_distance"]

# Weight of a sample: this power of its distance from the k-space centre, so that the outermost ones dominate.
_POWER = 20
_TINY = torch.finfo(torch.float32).tiny


def noise_std_of_scan(scan: Scan) -> float:
    """Return the standard deviation of the complex noise of a sample of a Cartesian scan, the mean over all frames.

    It is computed from the noise scan if there is one, otherwise from the outermost samples (`outer_noise_std`).
    """
    if scan.noise is not None:
        return float(scan.noise.abs().square().mean().sqrt())
    return float(outer_noise_std(scan.kspace, scan.mask).square().mean().sqrt())


def outer_noise_std(kspace: Tensor, mask: Tensor) -> Tensor:
    """Return the standard deviation of the complex noise of a sample, the root of E|n|², as the mean over coils.

    Remaining signal makes the estimate too large. It is for scans without calibration lines; otherwise
    `fourfold.noise.calibration_noise` is more accurate.

    Parameters
    ----------
    kspace
        complex64, (frame, coil, ky, kx), centred, zero where not acquired.
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
    """Return each sample's squared distance from the k-space centre, float32 (ky, kx), relative to the matrix size."""
    rows, columns = ((torch.arange(size, device=device) - size // 2) / size for size in shape)
    return rows[:, None].square() + columns.square()
