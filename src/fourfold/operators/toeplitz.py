"""The normal operator of non-uniform sampling: a convolution, by FFTs alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.operators.axes import Axes, own_frames
from fourfold.operators.linear_operator import LinearOperator
from fourfold.operators.nufft import grid_values
from fourfold.scan import Trajectory

__all__ = ["Toeplitz"]


class Toeplitz(LinearOperator):
    """Fᴴ W F on images (frame, coil, y, x), F being the non-uniform transform and W weights; self-adjoint.

    It depends on differences of positions only, so it is a convolution with the point-spread function, exact on a
    grid of twice the size (Wajer & Pruessmann 2001, Proc. ISMRM 9:767; Fessler 2005, IEEE TSP 53:3393). The doubled
    grid's spectrum is taken apart into its even and odd frequencies along each axis: four transforms of the image's
    own size, each of the image times a linear phase. That needs no doubled array and stays in the cache.

    Parameters
    ----------
    trajectory
        The points.
    weights
        float32, (frame or 1, shot, sample), not negative; samples of weight zero do not count.
    """

    def __init__(self, trajectory: Trajectory, weights: Tensor) -> None:
        # Loaded where it is used: Cartesian scans do without.
        from scipy.fft import next_fast_len

        self.matrix = trajectory.matrix
        self.size = next_fast_len(self.matrix[0]), next_fast_len(self.matrix[1])
        frames = max(trajectory.frames, weights.shape[0])
        self.spectra = torch.stack([self._spectra(trajectory, weights, frame) for frame in range(frames)])
        self.phases = _half_steps(self.matrix, self.size, weights.device)
        self.conjugate = self.phases.conj().resolve_conj()
        self.domain = self.codomain = Axes(frame=own_frames(frames), coil=None, y=self.matrix[0], x=self.matrix[1])

    def _spectra(self, trajectory: Trajectory, weights: Tensor, frame: int) -> Tensor:
        """Return the spectrum of the point-spread function, float32 (4, y, x): even and odd frequencies by axis."""
        ny, nx = self.matrix
        weight = weights[frame % weights.shape[0]]
        counts = weight > 0
        points = trajectory.points[frame % trajectory.frames][counts]
        # All differences of positions, -(n - 1) … n - 1; a Hermitian array, whose spectrum is real.
        psf = grid_values(weight[counts].to(torch.complex64)[None], points, self.matrix, (2 * ny - 1, 2 * nx - 1))[0]
        wrapped = psf.new_zeros((2 * self.size[0], 2 * self.size[1]))
        wrapped[: 2 * ny - 1, : 2 * nx - 1] = psf
        wrapped = wrapped.roll((1 - ny, 1 - nx), dims=(0, 1))
        spectrum = torch.fft.fft2(wrapped).real / (4 * ny * nx)
        return torch.stack([spectrum[odd_y::2, odd_x::2] for odd_y in (0, 1) for odd_x in (0, 1)])

    def _forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.convolve(images, frame) for frame, images in enumerate(x)])

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._forward(y)

    def convolve(self, images: Tensor, frame: int) -> Tensor:
        """Return Fᴴ W F of the images (coil, y, x) of one frame."""
        ny, nx = self.matrix
        result = torch.zeros_like(images)
        grid = images.new_zeros((images.shape[0], *self.size))
        part = grid[:, :ny, :nx]
        spectra = self.spectra[frame % self.spectra.shape[0]]
        for spectrum, phase, conjugate in zip(spectra, self.phases, self.conjugate, strict=True):
            grid.zero_()
            torch.mul(images, phase, out=part)
            torch.fft.fft2(grid, out=grid).mul_(spectrum)
            torch.fft.ifft2(grid, out=grid)
            result.addcmul_(part, conjugate)
        return result


def _half_steps(matrix: tuple[int, int], size: tuple[int, int], device: torch.device) -> Tensor:
    """Return the linear phases, complex64 (4, y, x), that shift a spectrum by half a frequency along each axis."""
    ny, nx = matrix
    along_y = -math.pi / size[0] * torch.arange(ny, dtype=torch.float64)[:, None]
    along_x = -math.pi / size[1] * torch.arange(nx, dtype=torch.float64)[None]
    angles = torch.stack([odd_y * along_y + odd_x * along_x for odd_y in (0, 1) for odd_x in (0, 1)])
    return torch.polar(torch.ones_like(angles), angles).to(device, torch.complex64)
