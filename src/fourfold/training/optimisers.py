"""Settings of the optimisers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import BeforeValidator, Field, PositiveFloat
from torch import nn
from torch.optim import Optimizer

from fourfold.training.base import Settings, by_kind

__all__ = ["Adam", "AdamW", "AnyOptimiser", "RmsProp"]

Fraction: TypeAlias = Annotated[float, Field(ge=0, lt=1)]


class _Optimiser(Settings):
    learning_rate: PositiveFloat = 1e-3
    """Learning rate, before the schedule."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Adam and RMSProp: this factor times the weights is added to the gradient; it is 2γ for a term γ‖θ‖² of the loss
    (Dar & Çukur 2017, Eq. 4). AdamW: decoupled weight decay (Loshchilov & Hutter 2019)."""


class Adam(_Optimiser):
    """Adam (Kingma & Ba 2015)."""

    kind: Literal["adam"] = "adam"
    """Name in settings."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Decay rates of the gradient's first and second moment."""

    def build(self, weights: Iterable[nn.Parameter]) -> Optimizer:
        """Return the torch optimiser of `weights`."""
        return torch.optim.Adam(weights, self.learning_rate, self.betas, weight_decay=self.weight_decay)


class AdamW(_Optimiser):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

    kind: Literal["adamw"]
    """Name in settings."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    """Decay rates of the gradient's first and second moment."""

    def build(self, weights: Iterable[nn.Parameter]) -> Optimizer:
        """Return the torch optimiser of `weights`."""
        return torch.optim.AdamW(weights, self.learning_rate, self.betas, weight_decay=self.weight_decay)


class RmsProp(_Optimiser):
    """RMSProp (Tieleman & Hinton 2012)."""

    kind: Literal["rmsprop"]
    """Name in settings."""
    smoothing: Fraction = 0.99
    """Decay rate of the squared gradient's moving average."""
    momentum: Fraction = 0.0
    """Decay rate of the gradient's moving average."""

    def build(self, weights: Iterable[nn.Parameter]) -> Optimizer:
        """Return the torch optimiser of `weights`."""
        return torch.optim.RMSprop(
            weights, self.learning_rate, self.smoothing, weight_decay=self.weight_decay, momentum=self.momentum
        )


AnyOptimiser = Annotated[Adam | AdamW | RmsProp, Field(discriminator="kind"), BeforeValidator(by_kind)]
"""Type of an optimiser in settings: its name, or a mapping with its ``kind``."""
