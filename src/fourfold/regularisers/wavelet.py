"""Sparsity in wavelets: the ℓ1 norm of the details and its proximal map."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from fourfold.operators.wavelets import OrthogonalWavelet, UndecimatedWavelet
from fourfold.regularisers.analysis import FirstOf, length, shrink
from fourfold.regularisers.regulariser import Analysis

__all__ = ["CycleSpunPenalty", "WaveletPenalty", "soft_threshold_"]


def soft_threshold_(x: Tensor, threshold: float) -> Tensor:
    """Shrink the modulus of complex `x` by `threshold` in place, keeping the phase; return `x`."""
    energy = (x * x.conj()).real
    # A zero modulus gives minus infinity before the clamp and so stays zero.
    return x.mul_(energy.rsqrt().mul_(-threshold).add_(1).clamp_min_(0))


class WaveletPenalty:
    """R(x) = ‖details of W x‖₁ for an orthonormal transform W, in images (…, y, x)."""

    def __init__(self, transform: OrthogonalWavelet) -> None:
        self.transform = transform

    def value(self, x: Tensor) -> float:
        """Return the ℓ1 norm of the detail coefficients."""
        details = self.transform.details(self.transform.forward(x))
        return sum(float(band.abs().sum(dtype=torch.float64)) for band in details)

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the exact proximal map: W is orthonormal, so the details are shrunk one by one."""
        coefficients = self.transform.forward(x)
        if weight > 0:
            for band in self.transform.details(coefficients):
                soft_threshold_(band, weight)
        return self.transform.adjoint(coefficients)

    def analysis(self) -> Analysis:
        """Return R as g(W x)."""

        def shrunk(v: Tensor, threshold: float) -> Tensor:
            v = v.clone()
            for band in self.transform.details(v):
                soft_threshold_(band, threshold)
            return v

        return Analysis(
            operator=self.transform,
            squared_norm=1.0,
            shrink=shrunk,
            length=lambda v: sum(length(band[None]) for band in self.transform.details(v)),
        )


class CycleSpunPenalty:
    """The mean over all shifts of the ℓ1 norm of the orthonormal details.

    The proximal step shrinks at every shift and averages (cycle spinning, Coifman & Donoho 1995). This average of
    proximal maps is one itself, of the functions' proximal average (Bauschke et al. 2008), so that the iteration
    settles, where shifts drawn at random keep wobbling.
    """

    name: ClassVar[str] = "wavelet"

    def __init__(self, transform: UndecimatedWavelet) -> None:
        self.transform = transform

    @classmethod
    def for_images(cls, support: Tensor) -> Self:
        """Return the penalty with Daubechies' wavelet of four vanishing moments and four levels, for images of a size.

        Parameters
        ----------
        support
            bool, (…, y, x): its size and device are those of the images.
        """
        ny, nx = support.shape[-2:]
        return cls(UndecimatedWavelet((ny, nx), "db4", 4, support.device))

    def value(self, x: Tensor) -> float:
        """Return the mean ℓ1 norm of the details over all shifts."""
        coefficients = self.transform.forward(x)
        return sum(
            float(coefficients[band].abs().sum(dtype=torch.float64)) / self.transform.scale(band)
            for band in range(1, coefficients.shape[0])
        )

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the mean over all shifts of the shrunk images, one band at a time to bound the memory."""
        if weight == 0:
            return x
        spectrum = torch.fft.fft2(x)
        approximation, *details = self.transform.responses
        result = spectrum * (approximation * approximation.conj())
        band = torch.empty_like(spectrum)
        for index, response in enumerate(details, start=1):
            torch.mul(spectrum, response, out=band)
            torch.fft.ifft2(band, out=band)
            soft_threshold_(band, weight / self.transform.scale(index))
            torch.fft.fft2(band, out=band)
            result.addcmul_(band, response.conj())
        spun: Tensor = torch.fft.ifft2(result)
        return spun

    def analysis(self) -> Analysis:
        """Return the mean over all shifts as g(W x); W is a tight frame."""
        scales = {band: self.transform.scale(band) for band in range(1, len(self.transform.responses))}
        return Analysis(
            operator=FirstOf(self.transform),
            squared_norm=1.0,
            shrink=lambda v, threshold: shrink(
                v, [(slice(band, band + 1), threshold / scale) for band, scale in scales.items()]
            ),
            length=lambda v: sum(length(v[band : band + 1]) / scale for band, scale in scales.items()),
            coefficients=len(self.transform.responses),
        )
