"""Whether networks can be compiled to fewer loops over their images."""

from __future__ import annotations

from functools import cache
from typing import Literal, TypeAlias

import torch
from torch import Tensor

__all__ = ["Compiled", "can_compile"]

Compiled: TypeAlias = Literal["auto", "always", "never"]


@cache
def can_compile() -> bool:
    """Return whether torch can compile for the CPU here, which takes a C++ compiler and Python's header files.

    Asking takes some seconds, most of which the first network that is compiled saves again.
    """
    try:
        torch.compile(_shifted)(torch.zeros(8))
    except RuntimeError:
        return False
    return True


def _shifted(x: Tensor) -> Tensor:
    return x.sin() + 1
