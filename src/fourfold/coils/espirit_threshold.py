"""The eigenvalue threshold of ESPIRiT's coil maps, chosen by Stein's unbiased risk estimate."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.coils.low_resolution import tapered_transform

__all__ = ["automatic_threshold"]

_LEVELS = 1000


def automatic_threshold(maps: Tensor, eigenvalues: Tensor, calibration: Tensor, noise_variance: float) -> float:
    """Return the eigenvalue threshold that minimises the estimated error of the image behind the maps.

    A pixel inside the support adds the noise variance σ² of one sample to the error; a pixel outside adds its lost
    signal |s|². The low-resolution image x of the calibration data estimates |s|² up to its known noise variance ν. An
    unbiased estimate of the error (Stein 1981) is therefore Σ σ² over the pixels inside + Σ (|sᴴx|² − ν) over those
    outside. This follows Iyer et al. 2020 (MRM 84:3423) with two changes: the noise is that of the full-resolution
    image, which is to be reconstructed, and the calibration data are tapered, because side lobes would be taken for
    signal.

    Parameters
    ----------
    maps
        complex64, (set, coil, y, x), unit root-sum-of-squares over coils.
    eigenvalues
        float32, (set, y, x).
    calibration
        complex64, (coil, ky, kx), centred.
    noise_variance
        Variance of the complex noise of one k-space sample of one coil.

    Returns
    -------
    float
        The threshold; 0 where no pixel's signal exceeds the noise.
    """
    (ny, nx), (lines_y, lines_x) = maps.shape[-2:], calibration.shape[-2:]
    along_y, along_x = tapered_transform(lines_y, ny, maps), tapered_transform(lines_x, nx, maps)
    combined = torch.zeros_like(maps[:, 0])
    for coil, data in enumerate(calibration):
        combined += maps[:, coil].conj() * (along_y @ data @ along_x.T)
    low_resolution_variance = noise_variance * float(along_y[0].abs().square().sum() * along_x[0].abs().square().sum())
    benefit = combined.abs().square() - low_resolution_variance - noise_variance
    level = (eigenvalues.clamp(0, 1) * (_LEVELS - 1)).long()
    by_level = torch.bincount(level.flatten(), weights=benefit.flatten().double(), minlength=_LEVELS)
    benefit_above = by_level.flip(0).cumsum(0).flip(0)
    best = int(benefit_above.argmax())
    return best / (_LEVELS - 1) if float(benefit_above[best]) > 0 else 0.0
