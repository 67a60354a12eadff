"""Noise covariance between coils, and prewhitening."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.noise.outer_kspace_noise import squared_distance
from fourfold.scan import Scan
from fourfold.scan.virtual_coils import mix_coils

__all__ = ["noise_covariance", "prewhiten"]

# Fraction of the acquired samples, farthest from the k-space centre, that contain hardly any signal.
_OUTER_FRACTION = 0.02
_SAMPLES_PER_COIL = 4
# Smallest eigenvalue of the noise correlation of linearly independent coils; it is 1 for uncorrelated noise.
_SMALLEST_EIGENVALUE = 1e-5


@torch.no_grad()
def noise_covariance(scan: Scan) -> Tensor:
    """Return the noise covariance E[n nᴴ] of one k-space sample.

    It is computed from the noise scan if there is one, otherwise from the 2 % of the acquired samples that are farthest
    from the k-space centre. Remaining signal makes this estimate too large.

    Returns
    -------
    Tensor
        complex64, (coil, coil), Hermitian.

    Raises
    ------
    InputError
        When there are fewer than four noise samples per coil.
    """
    samples = _outer_samples(scan) if scan.noise is None else scan.noise
    count, needed = samples.shape[1], _SAMPLES_PER_COIL * scan.coils
    if count < needed:
        raise InputError(
            f"There are {count} noise samples for {scan.coils} coils; their covariance needs at least {needed}: "
            "record a longer noise scan or reconstruct without prewhitening."
        )
    wide = samples.to(torch.complex128)
    return (wide @ wide.mH / count).to(torch.complex64)


def _outer_samples(scan: Scan) -> Tensor:
    """Return the acquired samples (coil, sample) farthest from the k-space centre, of all frames."""
    acquired = scan.mask.expand(scan.frames, -1, -1)
    number = math.ceil(_OUTER_FRACTION * int(acquired.sum()))
    distance = _distance(scan).expand_as(acquired)
    limit = distance[acquired].topk(number).values[-1]
    outermost = acquired & (distance >= limit)
    return scan.kspace.movedim(1, 0)[:, outermost]


def _distance(scan: Scan) -> Tensor:
    """Return the squared distance of each sample from the k-space centre, relative to the matrix size."""
    ny, nx = scan.shape
    if scan.trajectory is not None:
        points = scan.trajectory.points
        return (points / points.new_tensor([ny, nx])).square().sum(dim=-1)
    return squared_distance((ny, nx), scan.kspace.device)


@torch.no_grad()
def prewhiten(scan: Scan) -> Scan:
    """Return the prewhitened scan: unit noise variance, uncorrelated between coils.

    With the covariance Ψ = L Lᴴ, the coils are multiplied by L⁻¹ (Pruessmann 2001, MRM 46:638, Appendix A). Intensities
    are then in units of the noise. Coil maps are transformed in the same way and normalised to unit
    root-sum-of-squares.

    Parameters
    ----------
    scan
        The acquisition, with a noise scan or, without one, with little signal in its outermost samples.

    Raises
    ------
    InputError
        When there are too few noise samples, or the coils' noise is linearly dependent.
    """
    scan = scan.without_silent_coils()
    covariance = noise_covariance(scan).to(torch.complex128)
    deviation = covariance.diagonal().real.sqrt()
    silent = [coil for coil, value in enumerate(deviation.tolist()) if value == 0]
    if silent:
        raise InputError(f"Coil(s) {silent} have no noise; leave them out or reconstruct without prewhitening.")
    correlation = covariance / torch.outer(deviation, deviation)
    if float(torch.linalg.eigvalsh(correlation)[0]) < _SMALLEST_EIGENVALUE:
        raise InputError(
            "The noise of some coils is a linear combination of that of others, so that it cannot be prewhitened; "
            "compress the coils first or leave the dependent ones out."
        )
    factor = torch.linalg.cholesky(correlation) * deviation[:, None]
    inverse = torch.linalg.inv(factor)
    white = mix_coils(scan, inverse, prewhitened=True)
    if white.coil_maps is None:
        return white
    norm = torch.linalg.vector_norm(white.coil_maps, dim=2, keepdim=True)
    return white.replace(coil_maps=torch.where(norm > 0, white.coil_maps / norm, 0))
