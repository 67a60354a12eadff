"""Splits a 3D Cartesian scan along its readout into independent 2D problems, and joins the images."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from fourfold.errors import InputError, check_type
from fourfold.operators.fourier import ifft
from fourfold.scan import FrameLabels, Geometry, Placement, Reconstruction, Sampling, Scan, Source

__all__ = ["join_volume", "split_volume"]

# Smallest fraction of non-zero readout samples: integer receivers record some zeros.
_FILLED = 0.9


def split_volume(kspace: Tensor, geometry: Geometry | None = None, source: Source | None = None) -> Scan:
    """Return the 2D problems of a volume that is undersampled along ky and kz.

    An inverse Fourier transform along the fully sampled readout makes every position x an independent frame (ky, kz).
    Methods process one frame at a time, or as many as their memory limit allows. MRD and cfl files with volumes are
    read in the same way.

    Parameters
    ----------
    kspace
        complex64, (coil, kz, ky, kx), centred, zero where not acquired.
    geometry
        Geometry of the volume as slices (y, x) along z.
    source
        Origin of the volume.

    Raises
    ------
    InputError
        For a wrong type or shape, or an undersampled readout.
    """
    check_type("The volume's k-space", kspace, Tensor, "convert it with torch.from_numpy")
    if kspace.dtype != torch.complex64 or kspace.ndim != 4:
        raise InputError(
            f"The volume's k-space is {kspace.dtype} of shape {tuple(kspace.shape)}; it must be complex64 of shape "
            "(coil, kz, ky, kx)."
        )
    acquired = (kspace != 0).any(dim=0)
    lines = acquired.any(dim=-1)
    fraction = float(acquired[lines].float().mean()) if bool(lines.any()) else 0.0
    if fraction < _FILLED:
        raise InputError(
            f"{100 * fraction:.0f} % of the samples along kx were acquired on the volume's lines; a volume needs its "
            "readout fully sampled on its last axis: order the axes as (coil, kz, ky, kx)."
        )
    coils, nz, ny, nx = kspace.shape
    frames = kspace.new_empty((nx, coils, ny, nz))
    for coil, samples in enumerate(kspace):
        frames[:, coil] = ifft(samples, axes=(-1,)).permute(2, 1, 0)
    placed = _along_readout(geometry or Geometry(), nz, nx)
    labels = FrameLabels({"readout": range(nx)})
    return Scan(frames, Sampling(lines.mT[None]), geometry=placed, source=source or Source(), labels=labels)


def join_volume(reconstruction: Reconstruction) -> Tensor:
    """Return the image (z, y, x) of a volume that was split along its readout, complex64."""
    check_type("The image", reconstruction, Reconstruction, "reconstruct the scan of split_volume with a method first")
    return reconstruction.image.permute(2, 1, 0)


def _along_readout(geometry: Geometry, partitions: int, points: int) -> Geometry:
    """Return the geometry of frames (y, z) along x from that of slices (y, x) along z."""
    dz, dy, dx = geometry.voxel_size
    voxel_size = (dx, dy, dz)
    if not geometry.placements:
        return Geometry(voxel_size, slice_thickness=dx)
    first = geometry.placements[0]
    # The readout becomes the slice axis, so that the frames' centres lie along x.
    turned = Placement(first.slice_axis, first.y_axis, first.x_axis)
    if first.centre is None or dz is None or dx is None:
        return Geometry(voxel_size, placements=(turned,) * points, slice_thickness=dx)
    middle = first.moved(partitions // 2 * dz)
    centred = replace(turned, centre=middle.centre)
    along = tuple(centred.moved((x - points // 2) * dx) for x in range(points))
    return Geometry(voxel_size, placements=along, slice_thickness=dx)
