"""Turns an image to the axes of a scan whose voxels lie at the same places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.scan.geometry import Geometry
from fourfold.scan.reconstruction import Reconstruction

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["on_grid_of"]

BESIDE = 0.1
"""How far a voxel of the image may lie beside one of the scan, in voxels."""


def on_grid_of(image: Reconstruction, geometry: Geometry, shape: tuple[int, int, int]) -> Reconstruction:
    """Return an image with its axes turned to those of another geometry, whose voxels lie at the same places.

    Axes are exchanged and reversed, and slices and margins are left out; nothing is interpolated. Where the place of
    either is not known, the image must have the shape as it is.

    Parameters
    ----------
    image
        One stack of slices.
    geometry, shape
        Size and place of the other frames, one stack too, and their shape (frame, y, x).

    Raises
    ------
    InputError
        Where the voxels lie elsewhere, or the image does not cover the other frames.
    """
    frames, ny, nx = shape
    own = image.geometry.lps_affine((image.image.shape[1], image.image.shape[2]))
    other = geometry.lps_affine((ny, nx))
    if own is None or other is None:
        if tuple(image.image.shape) != shape:
            raise InputError(
                f"The image has shape {tuple(image.image.shape)} but {shape} is needed, and it cannot be placed, since "
                "the position of one of them is not known: give an image of this shape."
            )
        return image
    indices = _indices(np.linalg.inv(own) @ other, (nx, ny, frames))
    sizes = image.image.shape[::-1]
    for (axis, values), size in zip(indices, (sizes[axis] for axis, _ in indices), strict=True):
        if values.min() < 0 or values.max() >= size:
            raise InputError(
                f"The image ends before the scan does along its axis {'xyz'[axis]}; give one that covers all "
                f"{frames} frame(s) of {ny}×{nx}."
            )
    # Axes of the array stand in the order frame, y, x.
    turned = image.image.permute([2 - axis for axis, _ in reversed(indices)])
    for dimension, (_, values) in enumerate(reversed(indices)):
        turned = turned.index_select(dimension, _tensor(values, turned.device))
    return Reconstruction(
        turned.contiguous(),
        image.record,
        geometry=geometry,
        protocol=image.protocol,
        identity=image.identity,
    )


def _indices(matrix: npt.NDArray[np.float64], sizes: tuple[int, int, int]) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Return for each axis x, y, frame of the other grid which axis of the image it is, and the image's indices.

    `matrix` maps voxels of the other grid to those of the image.
    """
    whole = np.rint(matrix)
    corners = np.array([(x, y, z, 1) for x in (0, sizes[0] - 1) for y in (0, sizes[1] - 1) for z in (0, sizes[2] - 1)])
    beside = np.abs((matrix - whole) @ corners.T).max()
    steps = np.abs(whole[:3, :3])
    if beside > BESIDE or not (steps.sum(axis=0) == 1).all() or not (steps.sum(axis=1) == 1).all():
        raise InputError(
            "The voxels of the image do not lie where those of the scan do: resample it to the scan's grid first."
        )
    found = []
    for column, size in enumerate(sizes):
        axis = int(steps[:, column].argmax())
        found.append((axis, (whole[axis, 3] + whole[axis, column] * np.arange(size)).astype(np.int64)))
    return found


def _tensor(values: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    import torch

    return torch.from_numpy(values).to(device)
