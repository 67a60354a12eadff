"""The coils' noise: its covariance, and the mixture of coils that makes it white."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.noise.frame_noise import squared_distance
from fourfold.scan import Scan
from fourfold.scan.virtual_coils import mix_coils

__all__ = ["noise_covariance", "prewhiten"]

# The outermost share of the acquired samples, in the corners of k-space, where hardly any signal is left.
_CORNER = 0.02
_SAMPLES_PER_COIL = 4
# Smallest eigenvalue of the noise correlation, 1 for independent coils; below it the coils are linearly dependent.
_INDEPENDENT = 1e-5


@torch.no_grad()
def noise_covariance(scan: Scan) -> Tensor:
    """Return the noise covariance E[n nᴴ] of one k-space sample.

    From the noise scan where there is one. Otherwise from the 2 % of the acquired samples that lie furthest from
    the centre of k-space; signal that is left there makes this estimate too large rather than too small.

    Returns
    -------
    Tensor
        complex64, (coil, coil), Hermitian.

    Raises
    ------
    InputError
        When there are fewer than four noise samples per coil.
    """
    samples = _corner_samples(scan) if scan.noise is None else scan.noise
    count, needed = samples.shape[1], _SAMPLES_PER_COIL * scan.coils
    if count < needed:
        raise InputError(
            f"There are {count} noise samples for {scan.coils} coils; their covariance needs at least {needed}: "
            "record a longer noise scan or reconstruct without prewhitening."
        )
    wide = samples.to(torch.complex128)
    return (wide @ wide.mH / count).to(torch.complex64)


def _corner_samples(scan: Scan) -> Tensor:
    """Return the acquired samples (coil, sample) furthest from the centre of k-space, of all frames."""
    acquired = scan.mask.expand(scan.frames, -1, -1)
    wanted = math.ceil(_CORNER * int(acquired.sum()))
    distance = _distance(scan).expand_as(acquired)
    limit = distance[acquired].topk(wanted).values[-1]
    outermost = acquired & (distance >= limit)
    return scan.kspace.movedim(1, 0)[:, outermost]


def _distance(scan: Scan) -> Tensor:
    """Return the squared distance of each sample from the centre of k-space, in parts of the matrix."""
    ny, nx = scan.shape
    if scan.trajectory is not None:
        points = scan.trajectory.points
        return (points / points.new_tensor([ny, nx])).square().sum(dim=-1)
    return squared_distance((ny, nx), scan.kspace.device)


@torch.no_grad()
def prewhiten(scan: Scan) -> Scan:
    """Return the scan with its coils mixed so that the noise has unit variance and is independent between coils.

    With the covariance Ψ = L Lᴴ the coils are multiplied by L⁻¹ (Pruessmann 2001, MRM 46:638, Appendix A). Intensities
    are then in units of the noise. Coil maps are mixed alike and brought back to unit root-sum-of-squares.

    Parameters
    ----------
    scan
        The acquisition; its noise scan is used where it has one, otherwise the corners of its k-space.

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
    if float(torch.linalg.eigvalsh(correlation)[0]) < _INDEPENDENT:
        raise InputError(
            "The noise of some coils is a mixture of that of others, so that no prewhitening exists; "
            "compress the coils first or leave the dependent ones out."
        )
    factor = torch.linalg.cholesky(correlation) * deviation[:, None]
    inverse = torch.linalg.inv(factor)
    white = mix_coils(scan, inverse, prewhitened=True)
    if white.coil_maps is None:
        return white
    norm = torch.linalg.vector_norm(white.coil_maps, dim=2, keepdim=True)
    return white.replace(coil_maps=torch.where(norm > 0, white.coil_maps / norm, 0))
