"""Trajectories that come with NumPy k-space, in the conventions that are in use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.scan import RawTrajectory

__all__ = ["DENSITIES", "POINTS", "read_trajectory"]

Array = npt.NDArray[Any]

POINTS = ("trajectory", "coord", "k")
DENSITIES = ("density", "w")
LARGEST = 2**16 - 1
# Points in cycles per field of view make matrices of at least this size; in cycles per pixel, radians, 1/mm or 1/cm
# they reach less far.
SMALLEST = 32
# Neighbouring samples of a shot lie about half a cycle per field of view apart, in real spirals up to 2.1 on the
# median. In 1/m, rad/m or rad/cm they lie farther apart or closer together.
CLOSEST, FARTHEST, FARTHEST_OF_FEW = 0.15, 3.0, 1.1
UNITS = (
    "its unit seems to be {unit}; give (ky, kx) in cycles per field of view, or, where they are, the size of the image "
    "with --matrix NY NX (in Python matrix=(ny, nx))."
)


def read_trajectory(
    names: Sequence[str], read: Callable[[str], Array], path: Path, matrix: Sequence[int] | None
) -> RawTrajectory:
    """Return the trajectory among the arrays of a file, its last two axes being those of the file's k-space.

    Parameters
    ----------
    names
        The file's arrays: real points (…, 2), (ky, kx) in cycles per field of view, as ``trajectory`` or SigPy's
        ``coord``; or complex kx + i ky in cycles per pixel as ``k``; weights as ``density`` or ``w``; ``matrix``.
    read
        Gives an array by name.
    path
        The file, for messages.
    matrix
        Size (ny, nx) of the image, None for the file's own or, of real points, the smallest even size that holds them.

    Raises
    ------
    InputError
        For no or unusable points, weights of another shape, or a matrix that is needed and missing.
    """
    name = next((name for name in POINTS if name in names), None)
    if name is None:
        raise InputError(f"'{path}' holds {', '.join(names)} but no 'trajectory': give the points that name.")
    points = read(name)
    if matrix is None and "matrix" in names:
        matrix = np.ravel(read("matrix")).tolist()
    size = None if matrix is None else _size(matrix, path)
    if points.dtype.kind == "c":
        if size is None:
            raise InputError(
                f"'{name}' in '{path}' is in cycles per pixel, which does not tell the size of the image: give it with "
                "--matrix NY NX (in Python matrix=(ny, nx)), or as 'matrix' in the file."
            )
        points = np.stack([points.imag * size[0], points.real * size[1]], axis=-1)
    if points.dtype.kind != "f" or points.ndim not in (3, 4) or points.shape[-1] != 2:
        raise InputError(
            f"'{name}' in '{path}' is {points.dtype} of shape {points.shape}; it must be real (shot, sample, 2) or "
            "(frame, shot, sample, 2) with (ky, kx) in cycles per field of view, or complex kx + i ky."
        )
    points = points[(None,) * (4 - points.ndim)]
    points = _single(points)
    if not np.isfinite(points).all():
        raise InputError(f"'{name}' in '{path}' contains NaN, Inf or numbers too large; leave the corrupt samples out.")
    density = next((read(name) for name in DENSITIES if name in names), None)
    if density is not None:
        if density.dtype.kind not in "uif":
            raise InputError(f"The density in '{path}' is {density.dtype}; it must be real numbers: correct it.")
        density = density[(None,) * (3 - density.ndim)]
    return RawTrajectory(
        points,
        _derived_size(points, path) if size is None else size,
        None if density is None else _single(density),
    )


def _single(numbers: Array) -> Array:
    """Return `numbers` as float32, infinite where that cannot hold them."""
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _size(matrix: Sequence[Any], path: Path) -> tuple[int, int]:
    """Return the matrix (ny, nx) that a user or a file gives, one size for both axes or two."""
    numbers = (isinstance(size, int | float | np.number) and 1 <= size <= LARGEST for size in matrix)
    if len(matrix) not in (1, 2) or not all(numbers) or any(size != int(size) for size in matrix):
        given = " ".join(str(size)[:20] for size in matrix[:4])
        raise InputError(
            f"The trajectory's matrix for '{path}' is {given}; it must be one or two whole numbers from 1 to "
            f"{LARGEST}, ny and nx: correct it."
        )
    return int(matrix[0]), int(matrix[-1])


def _derived_size(points: Array, path: Path) -> tuple[int, int]:
    """Return the smallest even size whose band holds the points; refuse points that seem to be in another unit."""
    # The tolerance is that of the trajectory's own check.
    reach = np.abs(points).max(axis=(0, 1, 2))
    ny, nx = (max(2, 2 * math.ceil(far * (1 - 1e-4))) for far in reach)
    start = f"The trajectory in '{path}' reaches (ky, kx) = ±({reach[0]:.3g}, {reach[1]:.3g}), "
    if max(ny, nx) > LARGEST:
        raise InputError(f"{start}far too much for an image: {UNITS.format(unit='1/m or rad/m')}")
    if min(ny, nx) < SMALLEST:
        unit = "cycles per pixel, radians, 1/mm or 1/cm"
        raise InputError(f"{start}so that the image would be {ny}×{nx}: {UNITS.format(unit=unit)}")
    spacing, samples = _spacing(points)
    apart = f"{start}so that the image would be {ny}×{nx} and neighbouring samples {spacing:.2g} cycles apart: "
    if spacing < CLOSEST:
        raise InputError(f"{apart}{UNITS.format(unit='rad/cm or 1/cm')}")
    if spacing > FARTHEST or (spacing > FARTHEST_OF_FEW and samples < max(ny, nx)):
        raise InputError(f"{apart}{UNITS.format(unit='1/m or rad/m')}")
    return ny, nx


def _spacing(points: Array) -> tuple[float, int]:
    """Return the median distance of neighbours along a shot, and a shot's samples; (frame, a, b, 2) in either order."""
    distances = [
        (float(np.median(np.linalg.norm(np.diff(points, axis=axis), axis=-1))), points.shape[axis])
        for axis in (1, 2)
        if points.shape[axis] > 1
    ]
    return min(distances, default=(1.0, 1))
