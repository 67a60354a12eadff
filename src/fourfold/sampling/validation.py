"""Checks that all patterns share: the grid, the seed, and the number of positions for an acceleration."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence

import numpy as np

from fourfold.errors import InputError
from fourfold.memory import array_bytes, require_memory

__all__ = ["TOLERANCE", "check_box", "check_frames", "check_shape", "count_for", "generator", "is_whole"]

TOLERANCE = 0.01
"""Largest relative difference between the target and the realised acceleration."""


_ITEMSIZE = 8
"""Bytes of a point of the grid: a sample of k-space, or its distance from the centre."""


def is_whole(value: object) -> bool:
    """Return whether `value` is an integer (of Python, numpy or torch's sizes)."""
    return isinstance(value, numbers.Integral)


def check_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Return `shape` as (ny, nx); raises InputError unless it is two positive whole numbers of a size that fits."""
    if len(shape) != 2 or not all(is_whole(size) and size > 0 for size in shape):
        raise InputError(f"The grid is {tuple(shape)}; give its size as (ny, nx), two positive whole numbers.")
    ny, nx = int(shape[0]), int(shape[1])
    require_memory(array_bytes((ny, nx), _ITEMSIZE), f"A grid of {ny}×{nx}", "ask for a smaller one")
    return ny, nx


def check_frames(frames: int, shape: tuple[int, int]) -> int:
    """Return `frames` of a grid; raises InputError unless it is a positive whole number that fits into the memory."""
    if not is_whole(frames) or frames < 1:
        raise InputError(f"{frames} frames were asked for; a sampling pattern needs a whole number from 1.")
    require_memory(array_bytes((frames, *shape), 1), f"A pattern of {frames} frames", "ask for fewer")
    return int(frames)


def check_box(box: Sequence[int], shape: tuple[int, int]) -> tuple[int, int]:
    """Return the calibration box as (ny, nx); raises InputError where it is not one or exceeds the grid."""
    whole = len(box) == 2 and all(is_whole(width) and width >= 0 for width in box)
    if not whole or box[0] > shape[0] or box[1] > shape[1]:
        raise InputError(
            f"The calibration box is {tuple(box)} on a grid of {shape[0]}×{shape[1]}; "
            "give two whole numbers (ny, nx) that fit into the grid."
        )
    return int(box[0]), int(box[1])


def generator(seed: int) -> np.random.Generator:
    """Return the pattern's own random generator; raises InputError unless `seed` is a whole number from 0."""
    if not is_whole(seed) or seed < 0:
        raise InputError(f"The seed is {seed}; it must be a whole number from 0.")
    return np.random.default_rng(int(seed))


def count_for(acceleration: float, positions: int, name: str) -> int:
    """Return how many of `positions` to acquire so that ``positions / count`` is the target acceleration.

    Parameters
    ----------
    acceleration
        Grid positions over acquired ones.
    positions
        Size of the grid.
    name
        What the positions are, for the message: ``lines`` or ``samples``.

    Raises
    ------
    InputError
        Below 1, above `positions`, or where no whole number comes within 1 %; the text names the nearest
        reachable.
    """
    if not 1 <= acceleration <= positions:
        raise InputError(
            f"Acceleration {acceleration:g} cannot be met with {positions} {name}; "
            f"ask for 1 (all of them) to {positions} (a single one)."
        )
    exact = positions / acceleration
    candidates = sorted({math.floor(exact), math.ceil(exact)})
    count = min(candidates, key=lambda number: abs(positions / number - acceleration))
    if abs(positions / count - acceleration) > TOLERANCE * acceleration:
        reachable = " or ".join(f"{positions / number:.4g} ({number} {name})" for number in candidates)
        raise InputError(
            f"Acceleration {acceleration:g} cannot be met within 1 % by a whole number of the {positions} "
            f"{name}; ask for {reachable}."
        )
    return count
