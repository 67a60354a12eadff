"""Random fields over an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["random_field"]


def random_field(size: Sequence[int], grid_sides: Sequence[int], rng: np.random.Generator) -> Tensor:
    """Return a random field, float32 (y, x), with a standard deviation of 1.

    Parameters
    ----------
    size
        (ny, nx).
    grid_sides
        Sides of the grids of random numbers that the field is interpolated from, coarse to fine. Each grid has half
        the amplitude of the one before.
    rng
        Random generator.
    """
    field = torch.zeros(1, 1, *size)
    for octave, side in enumerate(grid_sides):
        noise = torch.from_numpy(rng.standard_normal((1, 1, side, side), dtype=np.float32))
        field += 0.5**octave * interpolate(noise, tuple(size), mode="bicubic")
    return field[0, 0] / field.std()
