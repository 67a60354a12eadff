"""Trigonometric polynomials, which is what short k-space kernels are in the image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["interpolation"]


def interpolation(samples: int, size: int, like: Tensor) -> Tensor:
    """Return the matrix (size, samples) that evaluates a trigonometric polynomial on a centred grid.

    Parameters
    ----------
    samples
        Odd number of even knots over the period, the first at the origin: they describe a degree of (samples − 1) / 2.
    size
        Points of the grid over the period; the origin is at index ``size // 2``.
    like
        Tensor whose type and device the matrix has.
    """
    orders = torch.fft.fftfreq(samples, 1 / samples, dtype=torch.float64)
    positions = (torch.arange(size, dtype=torch.float64) - size // 2) / size
    knots = torch.arange(samples, dtype=torch.float64) / samples
    angles = 2 * math.pi * (positions[:, None] - knots)[..., None] * orders
    matrix: Tensor = angles.cos().mean(dim=-1)
    return matrix.to(like)
