"""ESPIRiT: coil maps as eigenvectors of an operator built from calibration k-space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from fourfold.coils.eigenvectors import pixels_per_block, principal_eigenvectors
from fourfold.coils.espirit_threshold import automatic_threshold
from fourfold.coils.map_phase import align_phase
from fourfold.errors import InputError
from fourfold.noise.calibration_noise import calibration_noise_variance
from fourfold.operators.trigonometric import interpolation

__all__ = ["EspiritMaps", "Sets", "Threshold", "espirit"]

Threshold: TypeAlias = float | Literal["auto"]
Sets: TypeAlias = int | Literal["auto"]

# With fold-over, a second eigenvalue is close to one: in 17 % of the pixels of a head in too small a field of view, in
# 5 % with only 13 calibration lines, and in less than 1 % of all tested objects without fold-over.
_OBJECT_EIGENVALUE, _FOLDED_FRACTION = 0.9, 0.02


@dataclass(frozen=True, eq=False)
class EspiritMaps:
    """ESPIRiT's coil maps and eigenvalues."""

    maps: Tensor
    """complex64, (frame, set, coil, y, x), unit root-sum-of-squares over coils where kept, zero elsewhere."""
    eigenvalues: Tensor
    """float32, (frame, set, y, x), 0 to 1, before thresholding: 1 where the map explains the calibration data."""
    thresholds: tuple[float, ...]
    """Eigenvalue threshold of each frame."""


@torch.no_grad()
def espirit(
    calibration: Tensor,
    shape: tuple[int, int],
    sets: Sets = 1,
    kernel_size: int = 6,
    subspace_threshold: float = 0.001,
    eigenvalue_threshold: Threshold = "auto",
    noise_variance: float | None = None,
) -> EspiritMaps:
    """Estimate coil maps from calibration k-space (Uecker et al. 2014, MRM 71:990).

    All kernel-sized patches of calibration k-space lie in the row space of the calibration matrix. In the image domain,
    the projection onto that space is a coil-by-coil matrix at every pixel. The coil maps are its eigenvectors with
    eigenvalue one. Their phase is relative to the principal combination of coils, as in BART.

    Parameters
    ----------
    calibration
        complex64, (frame, coil, ky, kx), centred.
    shape
        Grid size (ny, nx) of the maps.
    sets
        Number of map sets, in descending order of eigenvalue; ``"auto"`` takes two or more with fold-over.
    kernel_size
        Size of the square patches.
    subspace_threshold
        Squared singular values of the calibration matrix below this fraction of the largest belong to the noise.
    eigenvalue_threshold
        Maps are zero where their eigenvalue is not above this. 0 keeps every pixel; ``"auto"`` minimises Stein's
        unbiased risk estimate (see `fourfold.coils.espirit_threshold`).
    noise_variance
        Variance of the complex noise of one k-space sample of one coil, for the automatic threshold; None estimates it
        from the calibration (`fourfold.noise.calibration_noise.calibration_noise_variance`).

    Raises
    ------
    InputError
        When the calibration k-space is smaller than the kernel or zero, or a setting is out of range.
    """
    _check(calibration, sets, kernel_size, eigenvalue_threshold)
    frames, coils = calibration.shape[:2]
    peaks = calibration.abs().amax(dim=(1, 2, 3)).tolist()
    bases = [
        _signal_space(data / peak, kernel_size, subspace_threshold)
        for data, peak in zip(calibration, peaks, strict=True)
    ]
    projections = [_projection(basis) for basis in bases]
    count = max(map(_sets_with_fold_over, projections)) if sets == "auto" else sets
    maps = calibration.new_empty((frames, count, coils, *shape))
    eigenvalues = calibration.real.new_empty((frames, count, *shape))
    thresholds = []
    for index, (data, peak, projection) in enumerate(zip(calibration, peaks, projections, strict=True)):
        _solve_eigenmaps(projection, maps[index], eigenvalues[index])
        align_phase(maps[index], data / peak)
        if eigenvalue_threshold == "auto":
            noise = calibration_noise_variance(data / peak) if noise_variance is None else noise_variance / peak**2
            threshold = automatic_threshold(maps[index], eigenvalues[index], data / peak, noise)
        else:
            threshold = float(eigenvalue_threshold)
        maps[index] *= (eigenvalues[index] > threshold)[:, None]
        thresholds.append(threshold)
    return EspiritMaps(maps, eigenvalues, tuple(thresholds))


def _check(calibration: Tensor, sets: Sets, kernel_size: int, eigenvalue_threshold: Threshold) -> None:
    coils, lines = calibration.shape[1], min(calibration.shape[-2:])
    if lines < kernel_size:
        raise InputError(
            f"The calibration k-space has {lines} lines; an ESPIRiT kernel of {kernel_size} needs at least as many: "
            "acquire more or choose a smaller kernel."
        )
    if sets != "auto" and not 1 <= sets <= coils:
        raise InputError(f"{sets} sets of coil maps are not possible; with {coils} coils choose 1 to {coils}.")
    if eigenvalue_threshold != "auto" and not 0 <= eigenvalue_threshold < 1:
        raise InputError(
            f"The threshold of coil maps is {eigenvalue_threshold!r}; it must be 'auto' or an eigenvalue from 0 up to, "
            "but not including, 1."
        )
    if not bool(calibration.flatten(1).any(dim=1).all()):
        raise InputError("The calibration k-space has a frame of zeros; acquire it again or leave that frame out.")


def _patches(calibration: Tensor, kernel_size: int) -> Tensor:
    """Return the calibration matrix (patch, coil · kernel_size²) of calibration (coil, ky, kx)."""
    patches = calibration.unfold(1, kernel_size, 1).unfold(2, kernel_size, 1)
    return patches.permute(1, 2, 0, 3, 4).reshape(-1, calibration.shape[0] * kernel_size**2)


def _signal_space(calibration: Tensor, kernel_size: int, threshold: float) -> Tensor:
    """Return an orthonormal basis (vector, coil, ky, kx) of the row space of the calibration matrix."""
    patches = _patches(calibration, kernel_size)
    # The Gram matrix of the shorter side has the same non-zero eigenvalues and is decomposed faster.
    wide = patches.shape[0] < patches.shape[1]
    energies, vectors = torch.linalg.eigh(patches.conj() @ patches.T if wide else patches.T @ patches.conj())
    in_signal_space = energies > threshold * energies[-1]
    basis = vectors[:, in_signal_space]
    if wide:
        basis = patches.T @ basis / energies[in_signal_space].sqrt()
    return basis.T.reshape(-1, calibration.shape[0], kernel_size, kernel_size)


def _projection(basis: Tensor) -> Tensor:
    """Return the projection onto the signal space as coil-by-coil matrices (m, m, coil, coil) over the image.

    It is a trigonometric polynomial of position, of a degree below the kernel size, so that m = 2 · kernel_size − 1
    samples along each axis describe it exactly.
    """
    kernel_size = basis.shape[-1]
    samples = 2 * kernel_size - 1
    image = torch.fft.ifft2(basis, s=(samples, samples), norm="forward").permute(2, 3, 1, 0)
    matrices: Tensor = image @ image.mH / kernel_size**2
    return matrices


def _sets_with_fold_over(projection: Tensor) -> int:
    """Return the number of eigenvalues that are close to one in a part of the object: more than one with fold-over."""
    samples = projection.shape[0]
    along = interpolation(samples, 4 * samples, projection)
    matrices = torch.einsum("ya,xb,abcd->yxcd", along, along, projection)
    eigenvalues = torch.linalg.eigvalsh(matrices).flip(-1).flatten(0, 1)
    inside = eigenvalues[eigenvalues[:, 0] > _OBJECT_EIGENVALUE]
    if len(inside) == 0:
        return 1
    fractions = (inside > _OBJECT_EIGENVALUE).float().mean(dim=0)
    return max(1, int((fractions > _FOLDED_FRACTION).sum()))


def _solve_eigenmaps(coarse: Tensor, maps: Tensor, eigenvalues: Tensor) -> None:
    """Interpolate the matrices block by block; write eigenvectors (set, coil, y, x) and eigenvalues (set, y, x)."""
    (sets, coils, ny, nx), samples = maps.shape, coarse.shape[0]
    along_y = interpolation(samples, ny, coarse)
    along_x = interpolation(samples, nx, coarse)
    rows = max(1, pixels_per_block(coils, coarse.device) // nx)
    for start in range(0, ny, rows):
        block = slice(start, start + rows)
        matrices = along_x @ (along_y[block] @ coarse.flatten(1)).view(-1, samples, coils**2)
        vectors, values = principal_eigenvectors(matrices.view(-1, nx, coils, coils), sets)
        maps[:, :, block] = vectors.permute(3, 2, 0, 1)
        eigenvalues[:, block] = values.permute(2, 0, 1)
