"""The optimisers, as settings state them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

import torch
from pydantic import BeforeValidator, Field, PositiveFloat
from torch import nn
from torch.optim import Optimizer

from fourfold.training.base import Settings, by_kind

__all__ = ["Adam", "AdamW", "AnyOptimiser", "RmsProp"]

Share: TypeAlias = Annotated[float, Field(ge=0, lt=1)]


class _Optimiser(Settings):
    learning_rate: PositiveFloat = 1e-3
    """Learning rate, before the schedule."""
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Adam and RMSProp: factor of the weights that is added to the gradient, 2γ of a term γ‖θ‖² in the loss (Dar &
    Çukur 2017, Eq. 4). AdamW: share by which a unit step shrinks the weights (Loshchilov & Hutter 2019)."""


class Adam(_Optimiser):
    """Adam (Kingma & Ba 2015)."""

    kind: Literal["adam"] = "adam"
    """Name in settings."""
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Decay of the gradient's first and second moment."""

    def build(self, weights: Iterable[nn.Parameter]) -> Optimizer:
        """Return the optimiser of `weights`."""
        return torch.optim.Adam(weights, self.learning_rate, self.betas, weight_decay=self.weight_decay)


class AdamW(_Optimiser):
    """Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019)."""

    kind: Literal["adamw"]
    """Name in settings."""
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Decay of the gradient's first and second moment."""

    def build(self, weights: Iterable[nn.Parameter]) -> Optimizer:
        """Return the optimiser of `weights`."""
        return torch.optim.AdamW(weights, self.learning_rate, self.betas, weight_decay=self.weight_decay)


class RmsProp(_Optimiser):
    """RMSProp (Tieleman & Hinton 2012)."""

    kind: Literal["rmsprop"]
    """Name in settings."""
    smoothing: Share = 0.99
    """Decay of the squared gradient's average."""
    momentum: Share = 0.0
    """Decay of the gradient's average."""

    def build(self, weights: Iterable[nn.Parameter]) -> Optimizer:
        """Return the optimiser of `weights`."""
        return torch.optim.RMSprop(
            weights, self.learning_rate, self.smoothing, weight_decay=self.weight_decay, momentum=self.momentum
        )


AnyOptimiser = Annotated[Adam | AdamW | RmsProp, Field(discriminator="kind"), BeforeValidator(by_kind)]
"""Type of an optimiser among settings: its name, or a mapping with its ``kind``."""
