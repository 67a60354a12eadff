"""The centred, orthonormal Fourier transform."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from fourfold.operators.axes import Axes
from fourfold.operators.linear_operator import LinearOperator

__all__ = ["Fourier", "centring_phases", "fft", "ifft"]

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


def centring_phases(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return what makes the plain inverse transform along an axis the centred one: phases (size,) before and after.

    ``ifft(y) = after · F⁻¹(before · y)``: multiplications that others can take up, where shifts would move the data.
    Real numbers ±1 for even sizes.
    """
    centre = size // 2
    turns = torch.arange(size, dtype=torch.float64) * centre % size / size
    before = torch.polar(torch.ones_like(turns), -2 * math.pi * turns)
    offset = torch.tensor(2 * math.pi * (centre * centre % size) / size, dtype=torch.float64)
    return before.to(like), (torch.polar(torch.ones_like(offset), offset) * before).to(like)


class Fourier(LinearOperator):
    """The centred orthonormal Fourier transform, image (…, y, x) to k-space (…, ky, kx); unitary.

    Parameters
    ----------
    axes
        The transformed axes, counted from the end.
    """

    torch_differentiates: ClassVar[bool] = True

    def __init__(self, axes: tuple[int, ...] = IMAGE_AXES) -> None:
        self.axes = axes
        self.domain = self.codomain = Axes(batch=..., **{f"axis {axis}": None for axis in range(min(axes), 0)})

    def _forward(self, x: Tensor) -> Tensor:
        return fft(x, self.axes)

    def _adjoint(self, y: Tensor) -> Tensor:
        """Return the inverse transform of k-space `y`."""
        return ifft(y, self.axes)

    def _normal(self, x: Tensor) -> Tensor:
        """Return a copy of `x`: the transform is unitary."""
        return x.clone()
