"""How much a reconstruction amplifies noise: the geometry factor, by pseudo multiple replicas."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.coils.calibration import central_calibration
from fourfold.errors import InputError, check_type
from fourfold.kspace.intensity_scale import intensity_scale
from fourfold.methods.method import Method, Progress
from fourfold.scan import Scan, check_scan

__all__ = ["gfactor", "smoothing_note"]

_FEWEST_REPLICAS = 8
# Relative to bright tissue: so weak that the magnitude responds linearly, and far above single precision's errors.
_NOISE_LEVEL = 1e-4
# Stated where more than this share of the image lies so many standard errors below 1.
_SHARE, _ERRORS = 0.05, 3


def gfactor(
    scan: Scan, method: Method, replicas: int = 100, seed: int = 0, progress: Progress = lambda *_: None
) -> Tensor:
    """Return the g-factor map of a method on a scan by pseudo multiple replicas (Robson et al. 2008, MRM 60:895).

    White noise, far weaker than the signal, is added to the acquired samples, and the scan is reconstructed again and
    again with its own calibration data. The g-factor is the noise of the magnitude image over that of the fully
    sampled one, which for coils combined by root-sum-of-squares or by maps of unit norm is the noise of one sample,
    over the square root of the acceleration (that of all acquired samples, calibration lines included). Smaller
    values than 1 tell of a method that smooths. It holds for methods that are linear once they are calibrated, such
    as grappa, spirit and cg-sense; one that adapts to the image has no such map. Where the coils' noise is not white,
    prewhiten the scan first (`fourfold.noise.covariance.prewhiten`).

    Parameters
    ----------
    scan
        One frame of Cartesian k-space with a calibration region or coil maps.
    method
        The method with its settings.
    replicas
        Noisy reconstructions; the map's relative standard error is 1 / √(2 · replicas).
    seed
        Seed of the noise.
    progress
        Called with the done fraction.

    Returns
    -------
    Tensor
        float32, (y, x): 1 where the reconstruction costs no more noise than the shorter scan does; 0 where a method
        leaves the image empty, as outside of coil maps.

    Raises
    ------
    InputError
        For several frames, a trajectory, a method for series, or too few replicas.
    """
    check_scan(scan)
    check_type("The method", method, Method, "give one with its settings, such as fourfold.CgSense()")
    if scan.frames > 1 or method.scope == "series":
        raise InputError("A g-factor map is that of a single frame and a method for frames: choose one of each.")
    if scan.trajectory is not None:
        raise InputError("The scan is non-Cartesian; g-factor maps are for Cartesian k-space.")
    if replicas < _FEWEST_REPLICAS:
        raise InputError(f"{replicas} replicas were requested; a standard deviation needs at least {_FEWEST_REPLICAS}.")
    calibration = central_calibration(scan, minimum=0, size=None)
    if calibration.numel():
        scan = scan.replace(calibration_kspace=calibration)
    scale = _NOISE_LEVEL * intensity_scale(scan)
    generator = torch.Generator().manual_seed(seed)
    clean = method(scan).magnitude[0]
    total, squares = torch.zeros_like(clean), torch.zeros_like(clean)
    for replica in range(replicas):
        noise = torch.randn(scan.kspace.shape, dtype=scan.kspace.dtype, generator=generator).to(scan.kspace.device)
        noisy = scan.replace(kspace=scan.kspace + scale * noise * scan.mask[:, None])
        change = (method(noisy).magnitude[0] - clean) / scale
        total += change
        squares += change.square()
        progress((replica + 1) / replicas, f"replica {replica + 1}")
    variance = (squares - total.square() / replicas) / (replicas - 1)
    # The magnitude responds to one of the noise's two components, which holds half of its variance.
    return (2 * variance.clamp_min(0) / scan.acceleration).sqrt()


def smoothing_note(g_factor: Tensor, replicas: int) -> tuple[str, ...]:
    """Return what to know of a g-factor map (y, x) that lies below 1, from so many replicas; none where it does not.

    No estimate that is right on average has less noise than its share of the samples allows: g is 1 at least.
    """
    inside = g_factor[g_factor > 0]
    limit = 1 - _ERRORS / math.sqrt(2 * replicas)
    share = float((inside < limit).float().mean()) if inside.numel() else 0.0
    if share <= _SHARE:
        return ()
    return (
        f"In {100 * share:.0f} % of the image the g-factor is below 1, which no image without regularisation can have: "
        "the method smooths or leaves samples empty, and the noise is less at the price of detail or aliasing.",
    )
