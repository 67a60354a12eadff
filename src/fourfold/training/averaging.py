"""Exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["averaged_copy", "update_average"]


def averaged_copy(network: nn.Module) -> nn.Module:
    """Return a copy of a network, without gradients, for the moving average of its weights."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Update the moving average with the current weights of `network`; buffers, such as batch norms', are copied.

    Parameters
    ----------
    decay
        Factor of the old average. The first steps use (1 + step) / (10 + step) if that is smaller, so that the random
        initial weights are soon forgotten.
    step
        Number of the step, from 1.
    """
    current_decay = min(decay, (1 + step) / (10 + step))
    for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(weight, 1 - current_decay)
    for averaged, current in zip(average.buffers(), network.buffers(), strict=True):
        averaged.copy_(current)
