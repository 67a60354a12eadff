"""Memory that worker processes share with the one that started them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["shared_zeros"]


def shared_zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return zeros that all processes see, and see changed."""
    zeros: Tensor = torch.zeros(shape, dtype=dtype).share_memory_()  # type: ignore[no-untyped-call]
    return zeros
