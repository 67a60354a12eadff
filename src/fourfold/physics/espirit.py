"""ESPIRiT: coil maps as eigenvectors of an operator built from calibration k-space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.physics.eigen import principal_eigenvectors

__all__ = ["Crop", "Sensitivities", "espirit"]

Crop: TypeAlias = float | Literal["auto"]

# Pixels whose coil-by-coil matrices are held at a time: bounds the memory and stays in the cache.
_PIXELS_PER_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """Coil maps and how far each pixel fits the model.

    Attributes
    ----------
    maps
        complex64, (frame, set, coil, y, x), unit root-sum-of-squares over coils in kept pixels, zero elsewhere.
    eigenvalues
        float32, (frame, set, y, x), 0 to 1, before the crop: 1 where the set's map explains the calibration data.
    """

    maps: Tensor
    eigenvalues: Tensor


@torch.no_grad()
def espirit(
    calibration: Tensor,
    shape: tuple[int, int],
    sets: int = 1,
    kernel: int = 6,
    threshold: float = 0.001,
    crop: Crop = "auto",
) -> Sensitivities:
    """Estimate coil maps from calibration k-space (Uecker et al. 2014, MRM 71:990).

    Every kernel-sized patch of calibration data lies in the signal space of the calibration matrix. Projection onto
    that space, seen in the image domain, is a coil-by-coil matrix at every pixel (Eq. 18); the coil maps are its
    eigenvectors of eigenvalue one.

    Parameters
    ----------
    calibration
        complex64, (frame, coil, ky, kx), centred.
    shape
        Grid size (ny, nx) of the maps.
    sets
        Sets of maps, in falling order of eigenvalue.
    kernel
        Size of the square patches.
    threshold
        Squared singular values of the calibration matrix below this fraction of the largest are noise.
    crop
        Maps are set to zero where the set's eigenvalue is not above this.

    Raises
    ------
    InputError
        When the calibration is smaller than the kernel, or more sets than coils are asked for.
    """
    coils, lines = calibration.shape[1], min(calibration.shape[-2:])
    if lines < kernel:
        raise InputError(
            f"The calibration k-space has {lines} lines; an ESPIRiT kernel of {kernel} needs at least as many: "
            "acquire more or choose a smaller kernel."
        )
    if not 1 <= sets <= coils:
        raise InputError(f"{sets} sets of coil maps were asked for; with {coils} coils choose 1 to {coils}.")
    frames = [_espirit_frame(frame, shape, sets, kernel, threshold, crop) for frame in calibration]
    maps, eigenvalues = zip(*frames, strict=True)
    return Sensitivities(torch.stack(maps), torch.stack(eigenvalues))


def _espirit_frame(
    calibration: Tensor, shape: tuple[int, int], sets: int, kernel: int, threshold: float, crop: Crop
) -> tuple[Tensor, Tensor]:
    """Return maps (set, coil, y, x) and eigenvalues (set, y, x) of calibration (coil, ky, kx)."""
    calibration = calibration / calibration.abs().max()
    coarse = _projection(_signal_space(calibration, kernel, threshold), kernel)
    maps, eigenvalues = _eigenmaps(coarse, shape, sets)
    maps *= _phase(maps, calibration)
    level = 0.8 if crop == "auto" else crop
    return torch.where((eigenvalues > level)[:, None], maps, 0), eigenvalues


def _signal_space(calibration: Tensor, kernel: int, threshold: float) -> Tensor:
    """Return an orthonormal basis (vector, coil, kernel, kernel) of the space in which the calibration's patches lie."""
    patches = (
        calibration.unfold(1, kernel, 1).unfold(2, kernel, 1).permute(1, 2, 0, 3, 4).flatten(2).flatten(0, 1)
    )
    # The Gram matrix of the shorter side has the same non-zero spectrum and costs least.
    wide = patches.shape[0] < patches.shape[1]
    gram = patches.conj() @ patches.T if wide else patches.T @ patches.conj()
    energies, vectors = torch.linalg.eigh(gram)
    kept = energies > threshold * energies[-1]
    basis = vectors[:, kept]
    if wide:
        basis = patches.T @ basis / energies[kept].sqrt()
    return basis.T.reshape(-1, calibration.shape[0], kernel, kernel)


def _projection(basis: Tensor, kernel: int) -> Tensor:
    """Return the projection onto the patches' signal space as coil-by-coil matrices (m, m, coil, coil) over the image.

    As a function of position they are a trigonometric polynomial of degree below `kernel`, so that m = 2·kernel − 1
    samples along each axis describe them exactly.
    """
    samples = 2 * kernel - 1
    image = torch.fft.ifft2(basis, s=(samples, samples), norm="forward")
    image = image.permute(2, 3, 1, 0)
    return image @ image.mH / kernel**2


def _interpolation(samples: int, size: int, like: Tensor) -> Tensor:
    """Return the matrix (size, samples) that evaluates a periodic trigonometric polynomial on a centred grid."""
    orders = torch.fft.fftfreq(samples, 1 / samples, dtype=torch.float64)
    positions = (torch.arange(size, dtype=torch.float64) - size // 2) / size
    knots = torch.arange(samples, dtype=torch.float64) / samples
    angles = 2 * math.pi * (positions[:, None] - knots)[..., None] * orders
    return angles.cos().mean(dim=-1).to(like)


def _eigenmaps(coarse: Tensor, shape: tuple[int, int], sets: int) -> tuple[Tensor, Tensor]:
    """Return eigenvectors (set, coil, y, x) and eigenvalues (set, y, x) of the interpolated matrices, in row blocks."""
    (ny, nx), (samples, _, coils, _) = shape, coarse.shape
    along_y = _interpolation(samples, ny, coarse)
    along_x = _interpolation(samples, nx, coarse)
    maps = coarse.new_empty((sets, coils, ny, nx))
    eigenvalues = coarse.real.new_empty((sets, ny, nx))
    rows = max(1, _PIXELS_PER_BLOCK // nx)
    for start in range(0, ny, rows):
        block = slice(start, start + rows)
        matrices = along_x @ (along_y[block] @ coarse.flatten(1)).view(-1, samples, coils * coils)
        vectors, values = principal_eigenvectors(matrices.view(-1, nx, coils, coils), sets)
        maps[:, :, block] = vectors.permute(3, 2, 0, 1)
        eigenvalues[:, block] = values.permute(2, 0, 1)
    return maps, eigenvalues


def _phase(maps: Tensor, calibration: Tensor) -> Tensor:
    """Return the unit factors (set, 1, y, x) that make the maps real along the calibration's principal coil mixture."""
    data = calibration.flatten(1)
    principal = torch.linalg.eigh(data @ data.mH).eigenvectors[:, -1]
    mixture = (principal.conj()[:, None, None] * maps).sum(dim=1, keepdim=True)
    return torch.polar(torch.ones_like(mixture.real), -mixture.angle())
