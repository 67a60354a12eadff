"""ESPIRiT: coil maps as eigenvectors of an operator built from calibration k-space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from fourfold.coils.eigenvectors import pixels_per_block, principal_eigenvectors
from fourfold.coils.espirit_threshold import automatic_crop
from fourfold.coils.map_phase import align_phase
from fourfold.errors import InputError
from fourfold.noise.calibration_noise import noise_floor
from fourfold.operators.trigonometric import interpolation

__all__ = ["Crop", "Sensitivities", "Sets", "espirit"]

Crop: TypeAlias = float | Literal["auto"]
Sets: TypeAlias = int | Literal["auto"]

# Where the object folds over onto itself, a second eigenvalue is close to one too: in 17 % of a head in too small a
# field of view, 5 % where 13 calibration lines blur them, and in less than 1 % of any object without fold-over tried.
_OBJECT_EIGENVALUE, _FOLDED_SHARE = 0.9, 0.02


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """Coil maps and how well each pixel fits the model.

    Attributes
    ----------
    maps
        complex64, (frame, set, coil, y, x), unit root-sum-of-squares over coils where kept, zero elsewhere.
    eigenvalues
        float32, (frame, set, y, x), 0 to 1, before the crop: 1 where the map explains the calibration data.
    crop
        The threshold that was applied to the eigenvalues of each frame.
    """

    maps: Tensor
    eigenvalues: Tensor
    crop: tuple[float, ...]


@torch.no_grad()
def espirit(
    calibration: Tensor,
    shape: tuple[int, int],
    sets: Sets = 1,
    kernel: int = 6,
    threshold: float = 0.001,
    crop: Crop = "auto",
    noise_variance: float | None = None,
) -> Sensitivities:
    """Estimate coil maps from calibration k-space (Uecker et al. 2014, MRM 71:990).

    Every kernel-sized patch of calibration data lies in the signal space of the calibration matrix. The projection
    onto that space is, in the image domain, a coil-by-coil matrix at every pixel; the coil maps are its
    eigenvectors of eigenvalue one. Their phase is that of the calibration's principal coil mixture, as in BART.

    Parameters
    ----------
    calibration
        complex64, (frame, coil, ky, kx), centred.
    shape
        Grid size (ny, nx) of the maps.
    sets
        Sets of maps, in falling order of eigenvalue; ``"auto"`` takes two or more where the object folds over.
    kernel
        Size of the square patches.
    threshold
        Squared singular values of the calibration matrix below this fraction of the largest count as noise.
    crop
        Maps are zero where their eigenvalue is not above this; 0 keeps every pixel, ``"auto"`` chooses by Stein's
        risk estimate (see `fourfold.coils.espirit_threshold`).
    noise_variance
        Variance of the complex noise of one k-space sample of one coil, for the automatic crop; None estimates it
        from the calibration (`fourfold.noise.calibration_noise.noise_floor`).

    Raises
    ------
    InputError
        When the calibration is smaller than the kernel or empty, or a setting lies outside its range.
    """
    _check(calibration, sets, kernel, crop)
    frames, coils = calibration.shape[:2]
    peaks = calibration.abs().amax(dim=(1, 2, 3)).tolist()
    spaces = [_signal_space(data / peak, kernel, threshold) for data, peak in zip(calibration, peaks, strict=True)]
    projections = [_projection(basis) for basis in spaces]
    count = max(map(_folds, projections)) if sets == "auto" else sets
    maps = calibration.new_empty((frames, count, coils, *shape))
    eigenvalues = calibration.real.new_empty((frames, count, *shape))
    levels = []
    for index, (data, peak, projection) in enumerate(zip(calibration, peaks, projections, strict=True)):
        _solve_eigenmaps(projection, maps[index], eigenvalues[index])
        align_phase(maps[index], data / peak)
        if crop == "auto":
            noise = noise_floor(data / peak) if noise_variance is None else noise_variance / peak**2
            level = automatic_crop(maps[index], eigenvalues[index], data / peak, noise)
        else:
            level = float(crop)
        maps[index] *= (eigenvalues[index] > level)[:, None]
        levels.append(level)
    return Sensitivities(maps, eigenvalues, tuple(levels))


def _check(calibration: Tensor, sets: Sets, kernel: int, crop: Crop) -> None:
    coils, lines = calibration.shape[1], min(calibration.shape[-2:])
    if lines < kernel:
        raise InputError(
            f"The calibration k-space has {lines} lines; an ESPIRiT kernel of {kernel} needs at least as many: "
            "acquire more or choose a smaller kernel."
        )
    if sets != "auto" and not 1 <= sets <= coils:
        raise InputError(f"{sets} sets of coil maps were asked for; with {coils} coils choose 1 to {coils}.")
    if crop != "auto" and not 0 <= crop < 1:
        raise InputError(f"The crop is {crop!r}; it must be 'auto' or an eigenvalue from 0 up to but not 1.")
    if not bool(calibration.flatten(1).any(dim=1).all()):
        raise InputError("The calibration k-space has a frame of zeros; acquire it anew or leave that frame out.")


def _patches(calibration: Tensor, kernel: int) -> Tensor:
    """Return the calibration matrix (patch, coil · kernel²) of calibration (coil, ky, kx)."""
    patches = calibration.unfold(1, kernel, 1).unfold(2, kernel, 1)
    return patches.permute(1, 2, 0, 3, 4).reshape(-1, calibration.shape[0] * kernel**2)


def _signal_space(calibration: Tensor, kernel: int, threshold: float) -> Tensor:
    """Return an orthonormal basis (vector, coil, kernel, kernel) of the space that the calibration's patches span."""
    patches = _patches(calibration, kernel)
    # The Gram matrix of the shorter side has the same non-zero spectrum and is decomposed in the least time.
    wide = patches.shape[0] < patches.shape[1]
    energies, vectors = torch.linalg.eigh(patches.conj() @ patches.T if wide else patches.T @ patches.conj())
    kept = energies > threshold * energies[-1]
    basis = vectors[:, kept]
    if wide:
        basis = patches.T @ basis / energies[kept].sqrt()
    return basis.T.reshape(-1, calibration.shape[0], kernel, kernel)


def _projection(basis: Tensor) -> Tensor:
    """Return the projection onto the signal space as coil-by-coil matrices (m, m, coil, coil) over the image.

    As a function of position it is a trigonometric polynomial of degree below the kernel's size, so that
    m = 2 · kernel − 1 samples along each axis describe it exactly.
    """
    kernel = basis.shape[-1]
    samples = 2 * kernel - 1
    image = torch.fft.ifft2(basis, s=(samples, samples), norm="forward").permute(2, 3, 1, 0)
    matrices: Tensor = image @ image.mH / kernel**2
    return matrices


def _folds(projection: Tensor) -> int:
    """Return how many times the object lies over itself: how many eigenvalues are close to one in a part of it."""
    samples = projection.shape[0]
    along = interpolation(samples, 4 * samples, projection)
    matrices = torch.einsum("ya,xb,abcd->yxcd", along, along, projection)
    eigenvalues = torch.linalg.eigvalsh(matrices).flip(-1).flatten(0, 1)
    inside = eigenvalues[eigenvalues[:, 0] > _OBJECT_EIGENVALUE]
    if len(inside) == 0:
        return 1
    shares = (inside > _OBJECT_EIGENVALUE).float().mean(dim=0)
    return max(1, int((shares > _FOLDED_SHARE).sum()))


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
