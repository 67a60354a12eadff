"""Trajectories that come with NumPy k-space, in the conventions that are in use."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fourfold.errors import InputError
from fourfold.scan import Trajectory

__all__ = ["DENSITIES", "POINTS", "read_trajectory"]

Array = npt.NDArray[Any]

POINTS = ("trajectory", "coord", "k")
DENSITIES = ("density", "w")


def read_trajectory(
    names: Sequence[str], read: Callable[[str], Array], path: Path, matrix: Sequence[int] | None
) -> Trajectory:
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
        matrix = [int(size) for size in np.ravel(read("matrix"))]
    if points.dtype.kind == "c":
        if matrix is None:
            raise InputError(
                f"'{name}' in '{path}' is in cycles per pixel, which does not tell the size of the image: give it with "
                "--matrix NY NX (in Python matrix=(ny, nx)), or as 'matrix' in the file."
            )
        points = np.stack([points.imag * matrix[0], points.real * matrix[-1]], axis=-1)
    if points.dtype.kind != "f" or points.ndim not in (3, 4) or points.shape[-1] != 2:
        raise InputError(
            f"'{name}' in '{path}' is {points.dtype} of shape {points.shape}; it must be real (shot, sample, 2) or "
            "(frame, shot, sample, 2) with (ky, kx) in cycles per field of view, or complex kx + i ky."
        )
    points = points[(None,) * (4 - points.ndim)]
    if matrix is None:
        # The tolerance is that of the trajectory's own check.
        matrix = [max(2, 2 * math.ceil(reach * (1 - 1e-4))) for reach in np.abs(points).max(axis=(0, 1, 2))]
    density = next((read(name) for name in DENSITIES if name in names), None)
    if density is not None:
        density = density[(None,) * (3 - density.ndim)]
    return Trajectory(
        torch.from_numpy(points.astype(np.float32)),
        (int(matrix[0]), int(matrix[-1])),
        None if density is None else torch.from_numpy(density.astype(np.float32)),
    )
