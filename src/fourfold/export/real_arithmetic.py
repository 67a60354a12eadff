"""Complex arithmetic in real numbers, for runtimes such as ONNX's without complex numbers and Fourier transforms.

Complex arrays have a last axis of two, real and imaginary part. The Fourier transform is a matrix product, which is
exact and, at image sizes, a small part of the computation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "Fourier",
    "RealEncoding",
    "as_channels",
    "combined",
    "from_channels",
    "inner",
    "modulus",
    "times",
]


def as_channels(image: Tensor) -> Tensor:
    """Return (frame, y, x, 2) as (frame, 2, y, x)."""
    return image.permute(0, 3, 1, 2)


def from_channels(channels: Tensor) -> Tensor:
    """Return (frame, 2, y, x) as (frame, y, x, 2)."""
    return channels.permute(0, 2, 3, 1)


def times(a: Tensor, b: Tensor) -> Tensor:
    """Return a · b."""
    (ar, ai), (br, bi) = a.unbind(-1), b.unbind(-1)
    return torch.stack([ar * br - ai * bi, ar * bi + ai * br], dim=-1)


def combined(coil_images: Tensor, maps: Tensor) -> Tensor:
    """Return Σ conj(S) x over coils."""
    (sr, si), (xr, xi) = maps.unbind(-1), coil_images.unbind(-1)
    return torch.stack([sr * xr + si * xi, sr * xi - si * xr], dim=-1).sum(dim=1)


def modulus(image: Tensor) -> Tensor:
    """Return |x|."""
    return image.square().sum(dim=-1).sqrt()


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return Re⟨a, b⟩ of each frame, (frame, 1, 1, 1), of images (frame, y, x, 2)."""
    return (a * b).sum(dim=(1, 2, 3), keepdim=True)


class Fourier:
    """The centred orthonormal Fourier transform of (…, y, x, 2) and its inverse.

    Parameters
    ----------
    like
        An array of the shape, type and device of those to transform.
    """

    def __init__(self, like: Tensor) -> None:
        self._along_y, self._along_x = (_matrix(size, like) for size in like.shape[-3:-1])

    def forward(self, image: Tensor) -> Tensor:
        """Return the k-space of an image."""
        return self._transform(image, -1)

    def inverse(self, kspace: Tensor) -> Tensor:
        """Return the image of a k-space."""
        return self._transform(kspace, 1)

    def _transform(self, x: Tensor, sign: int) -> Tensor:
        (ry, iy), (rx, ix) = self._along_y, self._along_x
        real, imaginary = x.unbind(-1)
        real, imaginary = ry @ real - sign * (iy @ imaginary), ry @ imaginary + sign * (iy @ real)
        return torch.stack([real @ rx - sign * (imaginary @ ix), imaginary @ rx + sign * (real @ ix)], dim=-1)


def _matrix(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return real and imaginary part of the symmetric matrix of the inverse transform along an axis."""
    index = torch.arange(size, device=like.device)
    # A tensor, because a Python number would be fixed in the exported file.
    count = index[-1] + 1
    positions = index - torch.div(count, 2, rounding_mode="floor")
    # In integers, because single precision is too coarse for the large phases of outer samples.
    turns = torch.remainder(positions[:, None] * positions[None], count)
    angles = 2 * math.pi * turns.to(like.dtype) / count
    scale = count.to(like.dtype).rsqrt()
    return angles.cos() * scale, angles.sin() * scale


@dataclass(frozen=True, eq=False)
class RealEncoding:
    """The encoding A of images (frame, y, x, 2) into the acquired samples of all coils."""

    fourier: Fourier
    acquired: Tensor
    """bool, (frame, 1, ky, kx, 1)."""
    maps: Tensor
    """Coil maps S, (frame, coil, y, x, 2)."""

    def forward(self, image: Tensor) -> Tensor:
        """Return A x, the k-space (frame, coil, ky, kx, 2), zero where not acquired."""
        return torch.where(self.acquired, self.fourier.forward(self.coil_images(image)), 0)

    def adjoint(self, kspace: Tensor) -> Tensor:
        """Return Aᴴ y of k-space that is zero where not acquired."""
        return combined(self.fourier.inverse(kspace), self.maps)

    def normal(self, image: Tensor) -> Tensor:
        """Return AᴴA x."""
        return self.adjoint(self.forward(image))

    def coil_images(self, image: Tensor) -> Tensor:
        """Return S x."""
        return times(self.maps, image[:, None])
