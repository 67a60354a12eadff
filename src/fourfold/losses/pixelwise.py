"""Pixel-wise losses: L1, L2, their sum, and negative PSNR."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fourfold.losses.loss import Loss, magnitude, peaks

__all__ = ["L1", "L2", "Hybrid", "Psnr"]

# Smallest squared error relative to the squared peak: 120 dB.
_SMALLEST = 1e-12


class L1(Loss):
    """Mean absolute error; for complex images the modulus of the difference."""

    kind: Literal["l1"] = "l1"
    """Name in settings."""

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return mean |image − reference|."""
        return (image - reference).abs().mean()


class L2(Loss):
    """Mean squared error; for complex images the squared modulus of the difference."""

    kind: Literal["l2"] = "l2"
    """Name in settings."""

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return mean |image − reference|²."""
        return _squared(image - reference).mean()


class Hybrid(Loss):
    """Mean squared error plus mean absolute error (Dar & Çukur 2017, Eq. 4).

    The third term of Eq. 4, γ‖θ‖² of the weights, is the optimiser's ``weight_decay``, 2γ.
    """

    kind: Literal["hybrid"] = "hybrid"
    """Name in settings."""

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return mean |image − reference|² + mean |image − reference|."""
        return L2().measure(image, reference) + L1().measure(image, reference)


class Psnr(Loss):
    """Negative peak signal-to-noise ratio in dB, relative to each reference's maximum.

    Halving the error has the same effect for all images; in a mean of errors, images that are hard to reconstruct
    dominate. Chen et al. 2022 (ECCV, arXiv:2204.04676) use it for image restoration.
    """

    kind: Literal["psnr"] = "psnr"
    """Name in settings."""

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return mean 10 log₁₀(mean |image − reference|² / max |reference|²), the inner mean over pixels."""
        peak = peaks(magnitude(reference)).square().flatten()
        error = _squared(image - reference).mean(dim=(-2, -1)) / peak
        return 10 * error.clamp_min(_SMALLEST).log10().mean()


def _squared(difference: Tensor) -> Tensor:
    """Return |difference|², which is differentiable at zero."""
    parts = torch.view_as_real(difference) if difference.is_complex() else difference[..., None]
    return parts.square().sum(dim=-1)
