"""Tensors in memory that worker processes share."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["shared_zeros"]


def shared_zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return zeros in shared memory: every process sees the others' changes."""
    zeros: Tensor = torch.zeros(shape, dtype=dtype).share_memory_()  # type: ignore[no-untyped-call]
    return zeros
