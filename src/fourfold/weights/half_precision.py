"""Weights in half precision: files of half the size, images that hardly differ."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fourfold.errors import InputError

__all__ = ["to_half_precision"]


def to_half_precision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict with its floating-point tensors in float16.

    A network that loads them still computes in float32.

    Raises
    ------
    InputError
        For weights beyond 65504, which float16 cannot hold.
    """
    half = {name: value.to(torch.float16) if value.is_floating_point() else value for name, value in state.items()}
    for name, value in half.items():
        if not bool(torch.isfinite(value).all()):
            raise InputError(f"The weights '{name}' are too large for float16; set 'stored_precision: float32'.")
    return half
