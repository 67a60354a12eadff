"""The bilinear model of joint estimation: coil images as the product of an image and smooth coil maps."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from fourfold.coils.calibration_size import axis_without_neighbours
from fourfold.errors import InputError
from fourfold.operators.aliasing import Aliasing
from fourfold.operators.axes import Axes
from fourfold.operators.fourier import ifft
from fourfold.operators.linear_operator import LinearOperator

__all__ = ["JointModel", "SmoothMaps", "require_neighbours"]

# Weights of the maps' Fourier coefficients, (1 + 220 |k/n|²)^-16 (Uecker et al. 2008).
_SCALE, _POWER = 220.0, 16
# Coefficients with smaller weights are omitted, because their square is negligible in single precision.
_NEGLIGIBLE = 1e-4


def require_neighbours(mask: Tensor) -> None:
    """Reject a pattern (ky, kx) without adjacent samples along an axis, such as evenly spaced lines only.

    Such samples are consistent with an image with and without aliasing, so that the maps are not determined.

    Raises
    ------
    InputError
        For such a pattern; the message gives the axis.
    """
    name = axis_without_neighbours(mask)
    if name is not None:
        raise InputError(
            f"The scan has no two neighbouring samples along {name}, which joint estimation of image and maps needs; "
            "acquire some calibration lines at the centre of k-space, or give coil_maps."
        )


class SmoothMaps(LinearOperator):
    """Coil maps (coil, y, x) of Sobolev-weighted Fourier coefficients (coil, my, mx).

    The weights decay so fast that few coefficients are needed; small matrix products replace Fourier transforms.

    Parameters
    ----------
    shape
        Grid (ny, nx).
    like
        A complex tensor with the device and precision.
    """

    def __init__(self, shape: tuple[int, int], like: Tensor) -> None:
        reach = math.sqrt((_NEGLIGIBLE ** (-1 / _POWER) - 1) / _SCALE)
        orders_y, orders_x = (torch.arange(-int(reach * n), int(reach * n) + 1, dtype=torch.float64) for n in shape)
        squared = (orders_y[:, None] / shape[0]) ** 2 + (orders_x / shape[1]) ** 2
        self.weights = ((1 + _SCALE * squared) ** -_POWER).to(device=like.device, dtype=like.real.dtype)
        self.along_y, self.along_x = _waves(shape[0], orders_y).to(like), _waves(shape[1], orders_x).to(like)
        self.domain = Axes(coil=None, my=len(orders_y), mx=len(orders_x))
        self.codomain = Axes(coil=None, y=shape[0], x=shape[1])

    def _forward(self, x: Tensor) -> Tensor:
        return self.along_y @ (self.weights * x) @ self.along_x.mT

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.weights * (self.along_y.mH @ y @ self.along_x.conj())


def _waves(size: int, orders: Tensor) -> Tensor:
    """Return the orthonormal Fourier waves (size, order), centred at ``size // 2``."""
    positions = torch.arange(size, dtype=torch.float64) - size // 2
    angles = 2 * math.pi / size * positions[:, None] * orders
    return torch.polar(torch.full_like(angles, 1 / math.sqrt(size)), angles)


class JointModel:
    """F(ρ, c) = mask · Fourier · (ρ · c) of one frame, on vectors of ρ and the coefficients of the maps c.

    It works in the image domain: the data are zero-filled coil images, transformed along the undersampled axes only.

    Parameters
    ----------
    kspace
        complex64, (coil, ky, kx), scaled so that the image is of order one.
    mask
        bool, (ky, kx).
    """

    def __init__(self, kspace: Tensor, mask: Tensor) -> None:
        self._aliasing = Aliasing(mask)
        self._data = ifft(torch.where(mask, kspace, 0))
        self._smooth = SmoothMaps((mask.shape[0], mask.shape[1]), kspace)

    def start(self) -> Tensor:
        """Return the initial guess: an image of ones, maps of zeros."""
        coils, ny, nx = self._data.shape
        guess = self._data.new_zeros(ny * nx + coils * self._smooth.weights.numel())
        guess[: ny * nx] = 1
        return guess

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the image (y, x) and the maps (coil, y, x) of a vector `x`."""
        image, coefficients = self._split(x)
        return image, self._smooth.forward(coefficients)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        coils, ny, nx = self._data.shape
        return x[: ny * nx].view(ny, nx), x[ny * nx :].view(coils, *self._smooth.weights.shape)

    def linearise(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return Dᴴ(y − F(x)) and the map DᴴD, D being the derivative of F at `x`."""
        image, coefficients = self._split(x)
        maps = self._smooth.forward(coefficients)
        image_conjugate, maps_conjugate = image.conj().resolve_conj(), maps.conj().resolve_conj()

        def adjoint(images: Tensor) -> Tensor:
            back = self._smooth.adjoint(image_conjugate * images)
            return torch.cat([images.mul_(maps_conjugate).sum(dim=0).flatten(), back.flatten()])

        def normal(v: Tensor) -> Tensor:
            change, coefficients = self._split(v)
            images = self._smooth.forward(coefficients).mul_(image).addcmul_(maps, change)
            return adjoint(self._aliasing.forward(images))

        return adjoint(self._data - self._aliasing.forward(image * maps)), normal
