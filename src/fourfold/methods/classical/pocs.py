"""POCS: partial Fourier data completed by alternating between the phase and the measured samples."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from fourfold.kspace.partial_fourier import PartialFourier
from fourfold.methods.partial_fourier_method import PartialFourierMethod
from fourfold.operators.fourier import fft, ifft
from fourfold.operators.linear_operator import norm

__all__ = ["Pocs"]


class Pocs(PartialFourierMethod):
    """Projection onto convex sets for partial Fourier data (Haacke et al. 1991, JMR 92:126).

    Alternates between images that have the phase of the samples on both sides of the centre, and k-space that holds
    the measured samples; they are kept exactly. Works for ky, kx or both.
    """

    name: ClassVar[str] = "pocs"
    title: ClassVar[str] = "POCS"
    display_order: ClassVar[int] = 16

    iterations: PositiveInt = 30
    """At most so many iterations."""
    tolerance: NonNegativeFloat = 1e-3
    """Stop when an iteration changes the images by less than this part of them."""

    def estimate(self, kspace: Tensor, known: Tensor, partial: PartialFourier) -> tuple[Tensor, int]:
        """Return the images with that phase whose k-space came closest to the known samples."""
        phase = partial.phase(kspace)
        images = ifft(kspace)
        size = norm(images)
        for iteration in range(1, self.iterations + 1):
            projected = (images * phase.conj()).real.clamp_min(0) * phase
            update = ifft(torch.where(known, kspace, fft(projected)))
            change = norm(update - images)
            images = update
            if change <= self.tolerance * size:
                return projected, iteration
        return projected, self.iterations
