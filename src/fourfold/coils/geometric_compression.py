"""Geometric coil compression: different virtual coils at every position along the readout."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from fourfold.coils.compression import coils_to_keep
from fourfold.errors import InputError
from fourfold.noise.covariance import noise_covariance
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import Scan

__all__ = ["compress_coils_geometrically"]

# Width of the window, in readout positions, over which covariances are summed.
_WINDOW = 5
# Largest relative deviation of a white noise scan's covariance from the identity.
_WHITE = 0.1


@torch.no_grad()
def compress_coils_geometrically(scan: Scan, coils: int | None = None, energy: float | None = None) -> Scan:
    """Return the scan compressed separately at each readout position (Zhang et al. 2013, MRM 69:571).

    Few coils are sensitive to one readout position, so that fewer virtual coils keep the same energy than with one
    compression matrix for all positions. The matrices of neighbouring positions are aligned by rotations, so that the
    virtual coils' maps stay smooth. Coil maps are compressed in the same way, and white noise stays white.

    Parameters
    ----------
    scan
        The acquisition, its readout fully sampled; prewhiten it first.
    coils, energy
        As in `fourfold.coils.compression.compress_coils`.

    Raises
    ------
    InputError
        For a non-Cartesian scan, an undersampled readout, calibration data with another readout length, or a noise scan
        that is not white.
    """
    dim = -1 if scan.line_axis == "ky" else -2
    _check(scan, dim)
    scan = scan.without_silent_coils()
    hybrid = ifft(scan.kspace, (dim,)).movedim(dim, 0)
    hybrid = hybrid.movedim(2, 1).flatten(2) / hybrid.abs().max()
    mixtures, kept = _mixtures(hybrid)
    coils = coils_to_keep(scan.coils, kept, coils, energy)
    start = int(hybrid.abs().square().sum(dim=(1, 2)).argmax())
    matrices = _aligned(mixtures[:, :coils], start)

    def mix(array: Tensor | None) -> Tensor | None:
        """Compress the coil axis of (…, coil, y, x), where x or y is the readout position."""
        if array is None:
            return None
        letters = "pvc,...cyp->...vyp" if dim == -1 else "pvc,...cpx->...vpx"
        return torch.einsum(letters, matrices, array).contiguous()

    def mix_kspace(kspace: Tensor | None) -> Tensor | None:
        mixed = None if kspace is None else mix(ifft(kspace, (dim,)))
        return None if mixed is None else fft(mixed, (dim,))

    mixed = mix_kspace(scan.kspace)
    assert mixed is not None
    details = {"compressed_from_coils": scan.coils, "compressed_energy": round(float(kept[coils - 1]), 6)}
    return scan.replace(
        kspace=torch.where(scan.mask[:, None], mixed, 0),
        coil_maps=mix(scan.coil_maps),
        calibration_kspace=mix_kspace(scan.calibration_kspace),
        noise=None if scan.noise is None else matrices[start] @ scan.noise,
        source=replace(scan.source, details={**scan.source.details, **details, "compression": "geometric"}),
    )


def _mixtures(hybrid: Tensor) -> tuple[Tensor, Tensor]:
    """Return orthonormal coil combinations (position, coil, coil), by descending energy, and their cumulative energy.

    Parameters
    ----------
    hybrid
        complex64, (position, coil, sample).
    """
    covariance = (hybrid @ hybrid.mH).to(torch.complex128)
    reach = _WINDOW // 2
    local = torch.stack([covariance[max(0, p - reach) : p + reach + 1].sum(dim=0) for p in range(len(covariance))])
    mixtures = torch.linalg.eigh(local).eigenvectors.flip(-1).mH
    energies = (mixtures @ covariance @ mixtures.mH).diagonal(dim1=-2, dim2=-1).real.sum(dim=0)
    return mixtures, (energies.cumsum(0) / energies.sum()).clamp_max(1)


def _aligned(mixtures: Tensor, start: int) -> Tensor:
    """Return the combinations, complex64, each aligned with its neighbour in the direction of position `start`."""
    matrices = mixtures.clone()
    for step, end in ((1, len(matrices)), (-1, -1)):
        for position in range(start + step, end, step):
            left, _, right = torch.linalg.svd(matrices[position - step] @ matrices[position].mH)
            matrices[position] = left @ right @ matrices[position]
    return matrices.to(torch.complex64)


def _check(scan: Scan, dim: int) -> None:
    if scan.trajectory is not None:
        raise InputError(
            "The scan is not Cartesian; geometric compression needs a Cartesian readout: use compression by SVD."
        )
    lines = scan.mask.any(dim=dim, keepdim=True)
    if bool((lines != scan.mask).any()):
        raise InputError(
            f"The readout ({'kx' if dim == -1 else 'ky'}) is undersampled, and geometric compression needs it fully "
            "sampled; use compression by SVD."
        )
    if scan.calibration_kspace is not None and scan.calibration_kspace.shape[dim] != scan.kspace.shape[dim]:
        raise InputError(
            f"The calibration data have {scan.calibration_kspace.shape[dim]} readout samples and the scan "
            f"{scan.kspace.shape[dim]}; geometric compression needs them alike: use compression by SVD."
        )
    if scan.noise is not None:
        covariance = noise_covariance(scan)
        identity = torch.eye(scan.coils, device=covariance.device) * covariance.diagonal().real.mean()
        if float((covariance - identity).abs().max()) > _WHITE * float(identity.max()):
            raise InputError(
                "The noise scan is not white, and geometric compression needs white noise: prewhiten first."
            )
