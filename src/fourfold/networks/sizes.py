"""Sizes of images from layer to layer."""

from __future__ import annotations

__all__ = ["growing_sizes"]


def growing_sizes(first: tuple[int, int], last: tuple[int, int], steps: int) -> list[tuple[int, int]]:
    """Return the size after each of `steps` enlargements by a constant factor, from `first` to exactly `last`."""

    def length(start: int, end: int, step: int) -> int:
        return round(start * (end / start) ** (step / steps))

    return [(length(first[0], last[0], step), length(first[1], last[1], step)) for step in range(1, steps + 1)]
