"""Coil maps of arrays that nobody has built: loops at random places, cheap enough for one array an image."""

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
from fourfold.errors import InputError
from fourfold.sampling.validation import check_shape
from fourfold.simulation.simulate import loop_sensitivity

__all__ = ["random_maps"]

# Fields of loops outside the object are smooth: this many points along the longer side tell them.
_POINTS = 40
_NEAREST, _FURTHEST = 1.1, 1.7
_SMALLEST, _LARGEST = 0.6, 1.2


def random_maps(shape: Sequence[int], coils: int, rng: np.random.Generator) -> Tensor:
    """Return coil maps of a random array: loops of one random size around the object, each a little out of place.

    The cylinder's radius, the loops' size, the turn of the whole array and each loop's angle, height and phase are
    drawn. The fields are those of `fourfold.simulation.simulate.loop_maps`, computed on a coarse grid and interpolated;
    at every pixel they are divided by their root-sum-of-squares. One coil sees the image alike everywhere.

    Parameters
    ----------
    shape
        Size (ny, nx).
    coils
        Number of loops.
    rng
        Where the numbers come from.

    Returns
    -------
    Tensor
        complex64, (coil, y, x); the root-sum-of-squares over coils is 1.

    Raises
    ------
    InputError
        For no coil.
    """
    ny, nx = check_shape(shape)
    if coils < 1:
        raise InputError(f"{coils} coils were asked for; simulate a whole number from 1.")
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
    # Scaled before it is interpolated, for single precision.
    fields /= np.abs(fields).max()
    maps = along_y @ torch.from_numpy(fields.astype(np.complex64)) @ along_x.T
    return maps.mul_(1 / root_sum_of_squares(maps))


@lru_cache(maxsize=32)
def _coarse(size: int, longer: int) -> tuple[NDArray[np.float64], Tensor]:
    """Return a few positions along an axis, and the cubic splines (size, position) from there to every pixel.

    Positions are 0 at the centre of the pixel ``size // 2``, 1 half the longer side's field of view away.
    """
    pixels = (np.arange(size) - size // 2) / (longer / 2)
    positions = np.linspace(pixels[0], pixels[-1], max(4, math.ceil(_POINTS * size / longer)))
    splines = make_interp_spline(positions, np.eye(len(positions)))(pixels)
    return positions, torch.from_numpy(splines.astype(np.complex64))
