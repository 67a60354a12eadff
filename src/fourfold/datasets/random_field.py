"""Random fields: what varies over an image without belonging to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["random_field"]


def random_field(size: Sequence[int], points: Sequence[int], rng: np.random.Generator) -> Tensor:
    """Return a random field (y, x) of standard deviation 1, float32.

    Parameters
    ----------
    size
        (ny, nx).
    points
        Sides of the grids of random numbers that it is interpolated from, coarse to fine; each next one counts half.
    rng
        Where the numbers come from.
    """
    field = torch.zeros(1, 1, *size)
    for octave, side in enumerate(points):
        noise = torch.from_numpy(rng.standard_normal((1, 1, side, side), dtype=np.float32))
        field += 0.5**octave * interpolate(noise, tuple(size), mode="bicubic")
    return field[0, 0] / field.std()
