"""Where coil maps end: the eigenvalue below which a pixel holds no object, chosen by Stein's risk estimate."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.coils.low_resolution import tapered_transform

__all__ = ["automatic_crop"]

_LEVELS = 1000


def automatic_crop(maps: Tensor, eigenvalues: Tensor, calibration: Tensor, noise_variance: float) -> float:
    """Return the eigenvalue threshold that minimises the estimated error of the image behind the maps.

    Keeping a pixel of a set lets the noise variance σ² of one sample into the image; dropping it loses the signal
    |s|² that is there. The low-resolution image of the calibration data tells |s|² up to its own, known noise
    variance, so that Σ σ² over kept pixels + Σ (|sᴴx|² − ν) over dropped ones is an unbiased estimate of
    the error (Stein 1981), which the threshold minimises. After Iyer et al. 2020 (MRM 84:3423), with two changes:
    the noise is that of the full-resolution image, which is to be reconstructed, and the calibration data are
    tapered against side lobes, which would pass for signal in the whole background.

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
        0 where no pixel's signal exceeds the noise, as then there is nothing to choose by.
    """
    (ny, nx), (lines_y, lines_x) = maps.shape[-2:], calibration.shape[-2:]
    along_y, along_x = tapered_transform(lines_y, ny, maps), tapered_transform(lines_x, nx, maps)
    combined = torch.zeros_like(maps[:, 0])
    for coil, data in enumerate(calibration):
        combined += maps[:, coil].conj() * (along_y @ data @ along_x.T)
    lowres_variance = noise_variance * float(along_y[0].abs().square().sum() * along_x[0].abs().square().sum())
    benefit = combined.abs().square() - lowres_variance - noise_variance
    level = (eigenvalues.clamp(0, 1) * (_LEVELS - 1)).long()
    by_level = torch.bincount(level.flatten(), weights=benefit.flatten().double(), minlength=_LEVELS)
    kept_above = by_level.flip(0).cumsum(0).flip(0)
    best = int(kept_above.argmax())
    return best / (_LEVELS - 1) if float(kept_above[best]) > 0 else 0.0
