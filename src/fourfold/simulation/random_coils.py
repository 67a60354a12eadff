"""Coil maps of random arrays of loops, fast enough for a new array for every image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from torch import Tensor

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.sampling.validation import check_shape
from fourfold.simulation.simulate import check_coils, loop_sensitivity

__all__ = ["random_maps"]

# Points along the longer side at which fields are computed; the fields of loops outside the object are smooth.
_POINTS = 40
_NEAREST, _FURTHEST = 1.1, 1.7
_SMALLEST, _LARGEST = 0.6, 1.2


def random_maps(shape: Sequence[int], coils: int, rng: np.random.Generator) -> Tensor:
    """Return coil maps of a random array: loops of one random size around the object, at slightly irregular positions.

    The cylinder's radius, the loops' size, the rotation of the array, and each loop's angle, height and phase are
    random. The fields are those of `fourfold.simulation.simulate.loop_maps`, computed on a coarse grid and
    interpolated. They are divided by their root-sum-of-squares at every pixel. A single coil has uniform sensitivity.

    Parameters
    ----------
    shape, coils
        As in `fourfold.simulation.simulate.loop_maps`.
    rng
        Random generator.

    Returns
    -------
    Tensor
        complex64, (coil, y, x); the root-sum-of-squares over coils is 1.

    Raises
    ------
    InputError
        For less than one coil.
    """
    ny, nx = check_shape(shape)
    check_coils(coils)
    if coils == 1:
        return torch.ones((1, ny, nx), dtype=torch.complex64)
    longer = max(ny, nx)
    y, along_y = _coarse(ny, longer)
    x, along_x = _coarse(nx, longer)
    step = 2 * math.pi / coils
    radius = min(rng.uniform(_SMALLEST, _LARGEST) * 1.1 * math.pi / coils, 0.8)
    distance = rng.uniform(_NEAREST, _FURTHEST)
    angles = rng.uniform(0, 2 * math.pi) + step * (np.arange(coils) + rng.uniform(-0.25, 0.25, coils))
    heights = rng.uniform(-0.3, 0.3, coils)
    fields = np.stack(
        [
            loop_sensitivity(-y, x, angle, height, distance, max(radius, 0.25) * distance)
            for angle, height in zip(angles.tolist(), heights.tolist(), strict=True)
        ]
    )
    fields *= np.exp(2j * math.pi * rng.random(coils))[:, None, None]
    # Scaled before the interpolation in single precision.
    fields /= np.abs(fields).max()
    maps = along_y @ torch.from_numpy(fields.astype(np.complex64)) @ along_x.T
    return maps.mul_(1 / root_sum_of_squares(maps))


@lru_cache(maxsize=32)
def _coarse(size: int, longer: int) -> tuple[NDArray[np.float64], Tensor]:
    """Return coarse positions along an axis, and the cubic-spline matrix (size, position) to every pixel.

    Positions are 0 at the centre of the pixel ``size // 2``, 1 half the longer side's field of view away.
    """
    pixels = (np.arange(size) - size // 2) / (longer / 2)
    positions = np.linspace(pixels[0], pixels[-1], max(4, math.ceil(_POINTS * size / longer)))
    splines = make_interp_spline(positions, np.eye(len(positions)))(pixels)
    return positions, torch.from_numpy(splines.astype(np.complex64))
