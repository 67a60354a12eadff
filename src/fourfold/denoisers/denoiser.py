"""What a denoiser is: an image and the noise in it go in, an image comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

__all__ = ["Denoiser"]

Denoiser: TypeAlias = Callable[[Tensor, float], Tensor]
"""Takes images, complex64 (…, y, x), and the standard deviation of the noise in their real part, and imaginary part;
returns images of the same shape.

A denoiser with a method `warm` (`fourfold.regularisers.warm.Warm`) goes on from call to call within one solve."""
