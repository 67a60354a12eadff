"""SPIRiT kernels and the self-consistency operator: every sample is predicted from its neighbours in all coils."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from fourfold.coils.eigenvectors import pixels_per_block
from fourfold.kspace.grappa_kernel import unit_patches
from fourfold.operators.trigonometric import interpolation

__all__ = ["SelfConsistency", "consistency_kernels"]

_KEPT_BYTES = 1 << 28
# Blocks are this many times smaller than elsewhere, because they are read in every iteration.
_CACHED = 4


def consistency_kernels(calibration: Tensor, kernel: int, weight: float) -> Tensor:
    """Return the kernels of G − 1: the estimate of each sample from its neighbourhood in all coils, minus the sample.

    The estimate is Tikhonov-regularised and does not use the sample itself (Lustig & Pauly 2010, MRM 64:457). All
    coils' kernels come from one inverse: with P = (SᴴS + λ)⁻¹ over all samples of the window, the kernel of the
    target t is −P[:, t] / P[t, t].

    Parameters
    ----------
    calibration
        complex, (coil, ky, kx), centred.
    kernel
        Size of the square window, odd.
    weight
        λ relative to the mean energy of the window's samples, as in
        `fourfold.kspace.grappa_kernel.interpolation_weights`.

    Returns
    -------
    Tensor
        Of the calibration's type, (ky, kx, source coil, target coil).
    """
    patches = unit_patches(calibration, (kernel, kernel)).flatten(1)
    coils = calibration.shape[0]
    gram = patches.mH @ patches
    diagonal = gram.diagonal()
    diagonal += weight * diagonal.mean()
    middle = slice(kernel**2 // 2 * coils, (kernel**2 // 2 + 1) * coils)
    inverse = torch.cholesky_solve(torch.eye(len(gram)).to(gram)[:, middle], torch.linalg.cholesky(gram))
    return (-inverse / inverse[middle].diagonal()).view(kernel, kernel, coils, coils)


class SelfConsistency:
    """(G − 1)ᴴ(G − 1) as one Hermitian coil-by-coil matrix at every pixel of the image.

    The matrices are trigonometric polynomials of position and follow from (2 · kernel − 1)² samples. They are stored if
    they fit into 256 MB, and otherwise interpolated block by block in every application.

    Parameters
    ----------
    coarse
        complex64, (knot along y, knot along x, coil, coil): the matrices at the knots.
    along_y, along_x
        float, (y, knot) and (x, knot): interpolate between them.
    """

    def __init__(self, coarse: Tensor, along_y: Tensor, along_x: Tensor) -> None:
        self._coarse, self._along_y, self._along_x = coarse, along_y, along_x
        knots, coils = coarse.shape[0], coarse.shape[-1]
        self._hybrid = (along_x @ coarse.transpose(0, 1).flatten(1)).view(len(along_x), knots, coils**2)

    @classmethod
    def of(cls, kernels: Tensor, shape: tuple[int, int]) -> SelfConsistency:
        """Return the matrices for `kernels` from `consistency_kernels` on a grid of `shape` = (ny, nx)."""
        samples = 2 * kernels.shape[0] - 1
        image = torch.fft.fft2(kernels, s=(samples, samples), dim=(0, 1))
        coarse = (image.conj() @ image.mT).to(torch.complex64)
        along_y, along_x = (torch.fft.ifftshift(interpolation(samples, size, coarse), dim=0) for size in shape)
        return cls(coarse, along_y, along_x)

    def part(self, columns: slice) -> SelfConsistency:
        """Return the matrices of a range of image columns."""
        return SelfConsistency(self._coarse, self._along_y, self._along_x[columns])

    def blocks(self) -> Iterator[slice]:
        """Yield ranges of columns whose matrices fit a processor's cache."""
        pixels = pixels_per_block(self._coarse.shape[-1], self._coarse.device) // _CACHED
        width = max(1, pixels // len(self._along_y))
        for start in range(0, len(self._along_x), width):
            yield slice(start, start + width)

    def __call__(self, images: Tensor) -> Tensor:
        """Return the matrices times the coils of `images`.

        Parameters
        ----------
        images
            complex64, (x, y, coil), with the origin at index 0, as in torch's transforms.
        """
        result = images.new_empty(images.shape)
        kept = self._kept
        for index, block in enumerate(self.blocks()):
            matrices = self._matrices(block) if kept is None else kept[index]
            torch.bmm(matrices, images[block].flatten(0, 1)[..., None], out=result[block].flatten(0, 1)[..., None])
        return result

    @cached_property
    def _kept(self) -> list[Tensor] | None:
        coils = self._coarse.shape[-1]
        total = len(self._along_x) * len(self._along_y) * coils**2 * self._coarse.element_size()
        return [self._matrices(block) for block in self.blocks()] if total <= _KEPT_BYTES else None

    def _matrices(self, columns: slice) -> Tensor:
        """Return the matrices (column · y, coil, coil) of a range of columns."""
        coils = self._coarse.shape[-1]
        return (self._along_y @ self._hybrid[columns]).view(-1, coils, coils)
