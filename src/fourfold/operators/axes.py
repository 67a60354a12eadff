"""The axes that an operator's tensors have, and the refusal of others."""

from __future__ import annotations

from types import EllipsisType

from torch import Tensor

__all__ = ["Axes", "own_frames"]


class Axes:
    """Named axes of a tensor with their sizes: None is any size, and one ``...`` stands for any number of axes.

    ``Axes(direction=2, batch=..., y=None, x=200)`` are differences of images with 200 columns.
    """

    def __init__(self, **sizes: int | EllipsisType | None) -> None:
        self._sizes = sizes
        values = list(sizes.values())
        gap = values.index(...) if ... in values else len(values)
        self._exact = gap == len(values)
        self._least = len(values) - (not self._exact)
        # Axes after the gap are counted from the end.
        positions = (at if at < gap else at - len(values) for at in range(len(values)))
        self._fixed = [(at, size) for at, size in zip(positions, values, strict=True) if isinstance(size, int)]

    def fit(self, x: Tensor) -> bool:
        """Whether `x` has these axes."""
        shape = x.shape
        count = len(shape)
        if count < self._least or (self._exact and count > self._least):
            return False
        return all(shape[at] == size for at, size in self._fixed)

    def __str__(self) -> str:
        """Return the axes as messages show them, for example (frame, coil = 8, y = 240, x = 200)."""
        return f"({', '.join(_shown(name, size) for name, size in self._sizes.items())})"


def _shown(name: str, size: int | EllipsisType | None) -> str:
    if size is ...:
        return "…"
    return name if size is None else f"{name} = {size}"


def own_frames(*frames: int) -> int | None:
    """Return how many frames an operator is made for, of those of its parts; None for any, where all are 1."""
    most = max(frames)
    return None if most == 1 else most
