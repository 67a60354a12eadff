"""The exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

__all__ = ["averaged_copy", "update_average"]


def averaged_copy(network: nn.Module) -> nn.Module:
    """Return a copy of a network that holds the average of its weights, and does not learn by itself."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move an average towards the weights of `network`; what is no weight, as of batch norms, is taken over.

    Parameters
    ----------
    decay
        Share of the average that stays; less in the first steps, (1 + step) / (10 + step), so that the average does
        not remember the random start.
    step
        Steps done, from 1.
    """
    kept = min(decay, (1 + step) / (10 + step))
    for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(weight, 1 - kept)
    for held, current in zip(average.buffers(), network.buffers(), strict=True):
        held.copy_(current)
