"""The image of an ensemble: the mean of its members."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["mean_image"]


def mean_image(members: Tensor) -> Tensor:
    """Return the mean magnitude (y, x) of the members' images (member, y, x), with the phase of their mean."""
    return torch.polar(members.abs().mean(dim=0), members.mean(dim=0).angle())
