"""Sliding-window means, used by the structural metrics."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["Window", "box", "gaussian", "windowed_mean"]

Window = tuple[float, ...]
"""Weights of a separable window along either axis; they sum to one."""


def box(width: int) -> Window:
    """Return the uniform window of `width` × `width` pixels."""
    return (1 / width,) * width


def gaussian(width: int, sigma: float) -> Window:
    """Return the Gaussian window of `width` × `width` pixels with standard deviation `sigma` pixels."""
    weights = [math.exp(-((i - (width - 1) / 2) ** 2) / (2 * sigma**2)) for i in range(width)]
    return tuple(weight / sum(weights) for weight in weights)


def windowed_mean(images: Tensor, window: Window) -> Tensor:
    """Return the weighted means of images (…, y, x) under `window`, wherever it fits entirely.

    Returns
    -------
    Tensor
        (…, y − width + 1, x − width + 1), of the images' dtype.
    """
    return _slide(_slide(images, window, -2), window, -1)


def _slide(images: Tensor, window: Window, axis: int) -> Tensor:
    # Shifted sums: on a CPU several times faster than a convolution in double precision.
    size = images.shape[axis] - len(window) + 1
    total = torch.zeros_like(images.narrow(axis, 0, size))
    for shift, weight in enumerate(window):
        total.add_(images.narrow(axis, shift, size), alpha=weight)
    return total
