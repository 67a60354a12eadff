"""Types of the networks' settings with their limits, and image sizes from layer to layer."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

__all__ = ["Channels", "Count", "Pools", "Seed", "growing_sizes"]

# Far beyond every published network: a wrong number in a file is rejected before memory is allocated.
Count: TypeAlias = Annotated[int, Field(gt=0, le=256)]
"""Number of layers, blocks or cascades."""
Channels: TypeAlias = Annotated[int, Field(gt=0, le=4096)]
"""Number of channels of a layer; pooling doubles it."""
Pools: TypeAlias = Annotated[int, Field(gt=0, le=12)]
"""Number of pooling stages."""
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**31)]
"""Seed of the initial weights."""


def growing_sizes(first: tuple[int, int], last: tuple[int, int], steps: int) -> list[tuple[int, int]]:
    """Return the sizes after each of `steps` upsamplings by a constant factor, from `first` to exactly `last`."""

    def length(start: int, end: int, step: int) -> int:
        return round(start * (end / start) ** (step / steps))

    return [(length(first[0], last[0], step), length(first[1], last[1], step)) for step in range(1, steps + 1)]
