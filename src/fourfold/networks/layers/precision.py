"""Precision of the networks' computations."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal, TypeAlias

import torch

__all__ = ["Precision", "computing", "native_bfloat16"]

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]


def native_bfloat16(device: torch.device) -> bool:
    """Return whether the device supports bfloat16 matrix products in hardware; emulation is very slow."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # torch 2.12 and later
    return device.type == "cpu" and capabilities is not None and bool(capabilities().get("amx_bf16"))


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the autocast context of a network; ``auto`` takes bfloat16 where the hardware supports it.

    Weights, gradients and images stay in float32.
    """
    half = precision == "bfloat16" or (precision == "auto" and native_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=half)
