"""Whether networks can be compiled to fewer loops over their images, and what happens where that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal, TypeAlias

import torch
from torch import Tensor

__all__ = ["CompilationError", "Compiled", "can_compile", "compilation_errors"]

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


class CompilationError(RuntimeError):
    """The compiler has failed on a network, although it works for less; the text is the compiler's."""


@contextmanager
def compilation_errors() -> Iterator[None]:
    """Raise what is raised in the block as a CompilationError, for a block that compiles.

    The compiler raises errors of many types. One that is not its own comes again without it.
    """
    try:
        yield
    except Exception as error:
        cause = getattr(error, "inner_exception", error)
        lines = str(cause).strip().splitlines() or ["no reason given"]
        raise CompilationError(f"{type(cause).__name__}: {lines[0]}") from error


def _shifted(x: Tensor) -> Tensor:
    return x.sin() + 1
