"""The centred, orthonormal Fourier transform."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.physics.operator import LinearOperator

__all__ = ["Fourier", "fft", "ifft"]

IMAGE_AXES = (-2, -1)


def fft(image: Tensor, axes: tuple[int, ...] = IMAGE_AXES) -> Tensor:
    """Return the centred orthonormal Fourier transform over `axes`: zero frequency and origin at index ``n // 2``.

    Correct for odd and even sizes: ifftshift brings the origin to index 0, fftshift brings it back.
    """
    shifted = torch.fft.ifftshift(image, dim=axes)
    kspace: Tensor = torch.fft.fftshift(torch.fft.fftn(shifted, dim=axes, norm="ortho"), dim=axes)
    return kspace


def ifft(kspace: Tensor, axes: tuple[int, ...] = IMAGE_AXES) -> Tensor:
    """Return the inverse of `fft` over `axes`."""
    shifted = torch.fft.ifftshift(kspace, dim=axes)
    image: Tensor = torch.fft.fftshift(torch.fft.ifftn(shifted, dim=axes, norm="ortho"), dim=axes)
    return image


class Fourier(LinearOperator):
    """The centred orthonormal Fourier transform, image (…, y, x) to k-space (…, ky, kx); unitary.

    Parameters
    ----------
    axes
        The transformed axes, counted from the end.
    """

    def __init__(self, axes: tuple[int, ...] = IMAGE_AXES) -> None:
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        """Return the k-space of image `x`."""
        return fft(x, self.axes)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the image of k-space `y`; the adjoint is the inverse."""
        return ifft(y, self.axes)

    def normal(self, x: Tensor) -> Tensor:
        """Return `x`: the transform is unitary."""
        return x
