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
    grid's spectrum is taken apart into its even and odd frequencies along each axis: transforms of the image's own
    size, of the image times a linear phase. That needs no doubled array and stays in the cache. Both parities along y
    share the transform along x, and every transform is along the last axis, where it is fastest.

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
        self.along_y, self.along_x = (
            _half_step(pixels, size, weights.device) for pixels, size in zip(self.matrix, self.size, strict=True)
        )
        self.domain = self.codomain = Axes(frame=own_frames(frames), coil=None, y=self.matrix[0], x=self.matrix[1])

    def _spectra(self, trajectory: Trajectory, weights: Tensor, frame: int) -> Tensor:
        """Return the spectrum of the point-spread function, float32 (2, 2, x, y): even and odd frequencies by axis."""
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
        parities = [torch.stack([spectrum[odd_y::2, odd_x::2].mT for odd_y in (0, 1)]) for odd_x in (0, 1)]
        return torch.stack(parities)

    def _forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.convolve(images, frame) for frame, images in enumerate(x)])

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._forward(y)

    def convolve(self, images: Tensor, frame: int) -> Tensor:
        """Return Fᴴ W F of the images (coil, y, x) of one frame."""
        spectra = self.spectra[frame % self.spectra.shape[0]]
        even = self._filtered(images, spectra[0])
        odd = self._filtered(images * self.along_x, spectra[1])
        return even.addcmul_(odd, self.along_x.conj_physical())

    def _filtered(self, images: Tensor, spectra: Tensor) -> Tensor:
        """Return the images (coil, y, x) filtered by the even or the odd frequencies along x, spectra (2, x, y)."""
        (ny, nx), (size_y, size_x) = self.matrix, self.size
        columns = _transposed(torch.fft.fft(images, size_x))
        even = torch.fft.ifft(torch.fft.fft(columns, size_y).mul_(spectra[0]))[..., :ny]
        odd = torch.fft.ifft(torch.fft.fft(columns.mul_(self.along_y), size_y).mul_(spectra[1]))[..., :ny]
        filtered = torch.addcmul(even, odd, self.along_y.conj_physical())
        return torch.fft.ifft(_transposed(filtered))[..., :nx]


def _transposed(images: Tensor) -> Tensor:
    """Return images (coil, y, x) as (coil, x, y), contiguous."""
    if images.device.type != "cpu":
        return images.mT.contiguous()
    # One by one: torch copies a transposed matrix in blocks, which is three times faster for powers of two.
    result = images.new_empty(images.mT.shape)
    for transposed, image in zip(result, images, strict=True):
        transposed.copy_(image.T)
    return result


def _half_step(pixels: int, size: int, device: torch.device) -> Tensor:
    """Return the linear phase, complex64 (pixels,), that shifts a spectrum of `size` by half a frequency."""
    angles = -math.pi / size * torch.arange(pixels, dtype=torch.float64)
    return torch.polar(torch.ones_like(angles), angles).to(device, torch.complex64)
