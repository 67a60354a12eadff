"""What a denoiser is: an image and the noise in it go in, an image comes out."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

__all__ = ["Denoiser"]


@runtime_checkable
class Denoiser(Protocol):
    """Any function or object with this call: a network, a filter, a regulariser's proximal map.

    A denoiser with a method `warm` (`fourfold.regularisers.warm.Warm`) goes on from call to call within one solve.
    """

    def __call__(self, images: Tensor, noise_std: float, /) -> Tensor:
        """Return denoised images.

        Parameters
        ----------
        images
            complex64, (…, y, x), with bright tissue at about one.
        noise_std
            Standard deviation of the real and of the imaginary part of their noise, which is white.
        """
