"""The sizes of the benchmarks' problems."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SIZES", "Size"]


class Size(NamedTuple):
    """Coils and grid of one slice."""

    coils: int
    ny: int
    nx: int

    def __str__(self) -> str:
        return f"{self.coils}×{self.ny}×{self.nx}"


SIZES = {"small": Size(8, 230, 180), "medium": Size(12, 320, 320), "large": Size(15, 640, 368)}
