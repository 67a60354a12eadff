"""What undersampling does to an image: its convolution with the sampling pattern's point-spread function."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.operators.axes import Axes
from fourfold.operators.linear_operator import LinearOperator

__all__ = ["Aliasing"]


class Aliasing(LinearOperator):
    """F⁻¹ · mask · F on images (…, y, x), along the undersampled axes alone; self-adjoint and a projection.

    A convolution needs no centring: the shifts before and after it cancel.

    Parameters
    ----------
    mask
        bool, (ky, kx), centred.
    """

    def __init__(self, mask: Tensor) -> None:
        varies = {-2: bool((mask != mask[:1]).any()), -1: bool((mask != mask[:, :1]).any())}
        self.axes = tuple(axis for axis, does in varies.items() if does)
        spectrum = torch.fft.ifftshift(mask, dim=(-2, -1))
        for axis, does in varies.items():
            spectrum = spectrum if does else spectrum.amax(dim=axis, keepdim=True)
        self.spectrum = spectrum.float()
        self.domain = self.codomain = Axes(batch=..., y=mask.shape[0], x=mask.shape[1])

    def _forward(self, x: Tensor) -> Tensor:
        if not self.axes:
            return x * self.spectrum
        spectrum = torch.fft.fftn(x, dim=self.axes).mul_(self.spectrum)
        return torch.fft.ifftn(spectrum, dim=self.axes, out=spectrum)

    def _adjoint(self, y: Tensor) -> Tensor:
        return self._forward(y)

    def _normal(self, x: Tensor) -> Tensor:
        return self._forward(x)
