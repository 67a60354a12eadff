"""The noise of calibration k-space, told from its patches' singular values."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.scan import Scan, crop_centre

__all__ = ["noise_floor", "noise_variance"]

# Small patches: signal spans fewer of their directions, and noise has the others for itself.
_PATCH = 3
# The patches with least energy, half of all at most: the strong ones leave rounding and model errors.
_WEAKER, _MOST = 0.5, 1000


def noise_floor(calibration: Tensor) -> float:
    """Return the variance of the complex noise of a sample of one coil, the mean over coils.

    A patch of 3×3 samples in all coils has more directions than signal spans; what is left is noise. Which singular
    values those are is found as by Veraart et al. (2016, NeuroImage 142:394): the most small ones that together are no
    wider spread than the Marchenko–Pastur distribution of white noise of their mean allows.

    Parameters
    ----------
    calibration
        complex64, (coil, ky, kx), fully sampled; 3×3 at least.
    """
    samples = torch.view_as_real(calibration).square().sum(dim=(0, 3))[None]
    energy = _patches(samples / samples.max()).sum(dim=(0, 3, 4)).flatten()
    weakest = energy.argsort()[: max(1, min(_MOST, int(_WEAKER * len(energy))))]
    patches = _patches(calibration).permute(1, 2, 0, 3, 4).flatten(0, 1)[weakest].flatten(1)
    scale = float(patches.abs().max())
    patches = patches / (scale or 1.0)
    # The Gram matrix of the shorter side has the same non-zero spectrum.
    longer = max(patches.shape)
    gram = patches @ patches.mH if patches.shape[0] < patches.shape[1] else patches.mH @ patches
    energies = torch.linalg.eigvalsh(gram).clamp_min(0).double() / longer
    number = torch.arange(1, len(energies) + 1, device=energies.device)
    mean = energies.cumsum(dim=0) / number
    spread = (energies - energies[0]) / (4 * (number / longer).sqrt())
    return scale**2 * float(mean[(spread <= mean).nonzero()[-1]])


def noise_variance(scan: Scan, calibration: Tensor) -> float:
    """Return the noise variance of a sample of one coil, from the noise scan or calibration k-space (coil, ky, kx)."""
    if scan.noise is not None:
        return float(scan.noise.abs().square().mean())
    noise = noise_floor(calibration)
    if scan.calibration_kspace is None:
        return noise
    # Another acquisition may be brighter: what both sampled tells by how much.
    box = min(calibration.shape[-2], scan.shape[0]), min(calibration.shape[-1], scan.shape[1])
    common = crop_centre(scan.mask[0], box)
    energies = [crop_centre(each, box)[:, common].abs().square().sum() for each in (scan.kspace[0], calibration)]
    return noise * float(energies[0] / energies[1]) if bool(energies[1] > 0) else noise


def _patches(values: Tensor) -> Tensor:
    """Return the patches (coil, y, x, sample, sample) of k-space (coil, ky, kx)."""
    return values.unfold(1, _PATCH, 1).unfold(2, _PATCH, 1)
