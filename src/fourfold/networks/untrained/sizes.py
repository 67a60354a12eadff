"""Sizes of images from layer to layer, and the limits of the sizes of networks."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

__all__ = ["Channels", "Count", "Pools", "Seed", "growing_sizes"]

# Far beyond every network that was published, and small enough that a wrong number in a file is refused at once.
Count: TypeAlias = Annotated[int, Field(gt=0, le=256)]
"""Of layers, blocks or cascades."""
Channels: TypeAlias = Annotated[int, Field(gt=0, le=4096)]
"""Of a layer; pooling doubles them."""
Pools: TypeAlias = Annotated[int, Field(gt=0, le=12)]
"""How many times images are halved."""
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**31)]
"""Of weights that are drawn."""


def growing_sizes(first: tuple[int, int], last: tuple[int, int], steps: int) -> list[tuple[int, int]]:
    """Return the size after each of `steps` enlargements by a constant factor, from `first` to exactly `last`."""

    def length(start: int, end: int, step: int) -> int:
        return round(start * (end / start) ** (step / steps))

    return [(length(first[0], last[0], step), length(first[1], last[1], step)) for step in range(1, steps + 1)]
