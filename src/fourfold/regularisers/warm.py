"""Warm starts: proximal maps and denoisers that go on from their last call, within one solve."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from fourfold.operators.linear_operator import norm

__all__ = ["Warm", "for_one_solve", "settled"]

T = TypeVar("T")

# Calls that go on from one another stop when a call changes the result by less than this part of it.
_SETTLED, _MOST_CALLS = 1e-5, 300


@runtime_checkable
class Warm(Protocol):
    """A proximal map or a denoiser that is faster where it goes on from its last call.

    Called by itself it gives the same for the same arguments. What goes on belongs to one solve.
    """

    def warm(self) -> Any:
        """Return the same thing for one solve: it starts each call where the last one ended."""
        ...


def for_one_solve(part: T) -> T:
    """Return `part` as a solver uses it: where it is `Warm`, one of its own that goes on from call to call."""
    return part.warm() if isinstance(part, Warm) else part


class _Proximal(Protocol):
    def prox(self, x: Tensor, weight: float) -> Tensor: ...


def settled(warm: _Proximal, x: Tensor, weight: float) -> Tensor:
    """Return the proximal map of `x` at which calls that go on from one another settle."""
    result = warm.prox(x, weight)
    for _ in range(_MOST_CALLS):
        previous, result = result, warm.prox(x, weight)
        if norm(result - previous) <= _SETTLED * norm(result):
            break
    return result
