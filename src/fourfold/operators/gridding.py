"""From samples along a trajectory to coil images and to Cartesian k-space around the centre."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from fourfold.operators.density_compensation import density_weights
from fourfold.operators.fourier import fft
from fourfold.operators.nufft import Nufft
from fourfold.operators.toeplitz import Toeplitz
from fourfold.scan import Scan, Trajectory, crop_centre

__all__ = ["gridded_centre", "gridded_images", "with_density"]

_ITERATIONS, _TIKHONOV = 20, 0.01


@torch.no_grad()
def with_density(scan: Scan) -> Scan:
    """Return the scan with the density of its trajectory computed, where it has one; to be done once and not again."""
    trajectory = scan.trajectory
    if trajectory is None or trajectory.density is not None:
        return scan
    return scan.replace(trajectory=replace(trajectory, density=density_weights(trajectory, scan.mask)))


@torch.no_grad()
def gridded_images(scan: Scan) -> Tensor:
    """Return the images of a scan with a trajectory by density-compensated gridding (Jackson 1991, IEEE TMI 10:473).

    Returns
    -------
    Tensor
        complex64, (frame, coil, y, x), as bright as the inverse transform of full Cartesian k-space.
    """
    trajectory = _trajectory(scan)
    weights = density_weights(trajectory, scan.mask)
    return Nufft(trajectory, scan.mask).adjoint(scan.kspace * weights[:, None])


@torch.no_grad()
def gridded_centre(scan: Scan, size: int) -> Tensor:
    """Return Cartesian k-space around the centre that explains the samples there.

    The least-squares solution on a grid of twice the width, by gradient descent that starts from zero, stops early and
    is slightly regularised: 20 steps of 48×48 pixels, which the gaps between spokes disturb less than gridding.

    Parameters
    ----------
    scan
        An acquisition with a trajectory.
    size
        Width of the square box, cut to the matrix.

    Returns
    -------
    Tensor
        complex64, (frame, coil, ky, kx), centred.
    """
    trajectory = _trajectory(scan)
    grid = (min(2 * size, scan.shape[0]), min(2 * size, scan.shape[1]))
    band = trajectory.points.new_tensor(grid) / 2
    near = (trajectory.points.abs() <= band).all(dim=-1)
    # The points of the coarse grid; those outside its band are left out by the mask and stand anywhere within.
    coarse = Trajectory(torch.where(near[..., None], trajectory.points, band), grid)
    mask = near & scan.mask
    weights = density_weights(trajectory, scan.mask) * mask
    normal = Toeplitz(coarse, weights)
    rhs = Nufft(coarse, mask).adjoint(scan.kspace * weights[:, None])
    step = 1 / (normal.norm(rhs[:, :1], iterations=10) + _TIKHONOV)
    images = torch.zeros_like(rhs)
    for _ in range(_ITERATIONS):
        images.add_(rhs - normal.forward(images) - _TIKHONOV * images, alpha=step)
    return crop_centre(fft(images), (size, size))


def _trajectory(scan: Scan) -> Trajectory:
    assert scan.trajectory is not None
    return scan.trajectory
