"""Losses of single pixels: L1, L2 and their sum."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fourfold.losses.loss import Loss

__all__ = ["L1", "L2", "Hybrid"]


class L1(Loss):
    """Mean absolute error; of complex images the modulus of the difference."""

    kind: Literal["l1"] = "l1"
    """Name in settings."""

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return mean |image − reference|."""
        return (image - reference).abs().mean()


class L2(Loss):
    """Mean squared error; of complex images the squared modulus of the difference."""

    kind: Literal["l2"] = "l2"
    """Name in settings."""

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return mean |image − reference|²."""
        difference = image - reference
        parts = torch.view_as_real(difference) if difference.is_complex() else difference[..., None]
        return parts.square().sum(dim=-1).mean()


class Hybrid(Loss):
    """Mean squared error plus mean absolute error (Dar & Çukur 2017, Eq. 4).

    The third term of Eq. 4, γ‖θ‖² of the weights, belongs to the optimiser: its ``weight_decay`` is 2γ.
    """

    kind: Literal["hybrid"] = "hybrid"
    """Name in settings."""

    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return mean |image − reference|² + mean |image − reference|."""
        return L2().measure(image, reference) + L1().measure(image, reference)
