"""Weights in half precision: files of half the size, for images that hardly differ."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fourfold.errors import InputError

__all__ = ["halved"]


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a network with its floating numbers in float16; a network that is filled computes as before.

    Raises
    ------
    InputError
        For weights beyond 65504, which float16 cannot hold.
    """
    half = {name: value.to(torch.float16) if value.is_floating_point() else value for name, value in state.items()}
    for name, value in half.items():
        if not bool(torch.isfinite(value).all()):
            raise InputError(f"The weights '{name}' are too large for float16; set 'stored: float32'.")
    return half
