"""Density compensation: the area of k-space that each sample stands for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.operators.nufft import grid_values, sample_values
from fourfold.scan import Trajectory

__all__ = ["density_weights"]

_ITERATIONS = 20
# Weights of an error well below that of the data take a quarter of the time of exact ones.
_TOLERANCE = 1e-4
# Cycles per field of view within which every trajectory samples densely.
_CENTRE = 8


def density_weights(trajectory: Trajectory, mask: Tensor, iterations: int = _ITERATIONS) -> Tensor:
    """Return weights with which the adjoint transform gives images of the right contrast and brightness.

    The trajectory's own weights where it has any, scaled so that brightness is right. Otherwise those of Pipe & Menon
    (1999, MRM 41:179): the weights w are divided by w convolved with a kernel as narrow as the field of view allows,
    until that is one at every sample. The kernel is the transform of a disc's autocorrelation, which is nowhere
    negative and vanishes beyond one field of view, so that the point-spread function is a single peak within the image.

    Where shots lie further apart than the kernel is wide they do not stand for the gaps between them: on a head with
    a third of the spokes that is closer to the image (error 0.32) than the ramp |k| that fills the gaps (0.47), and far
    better conditioned.

    Parameters
    ----------
    trajectory
        The points, with weights up to a common factor or without.
    mask
        bool, (frame or 1, shot, sample): the samples that count.
    iterations
        Iterations of Pipe and Menon.

    Returns
    -------
    Tensor
        float32, (frame or 1, shot, sample), in (cycles per field of view)²: 1 for each sample of a full Cartesian grid,
        0 outside the mask.
    """
    given = trajectory.density
    frames = max(trajectory.frames, mask.shape[0], 1 if given is None else given.shape[0])
    weights = trajectory.points.new_zeros((frames, trajectory.shots, trajectory.samples))
    kernel = _Kernel(trajectory)
    for frame, out in enumerate(weights):
        counts = mask[frame % mask.shape[0]]
        points = trajectory.points[frame % trajectory.frames][counts]
        if given is None:
            out[counts] = _pipe_menon(kernel, points, iterations)
        else:
            out[counts] = _in_units_of_area(kernel, points, given[frame % given.shape[0]][counts])
    return weights


def _pipe_menon(kernel: _Kernel, points: Tensor, iterations: int) -> Tensor:
    weights = torch.ones_like(points[:, 0])
    for _ in range(iterations):
        weights /= kernel.convolve(weights, points)
    return weights


def _in_units_of_area(kernel: _Kernel, points: Tensor, weights: Tensor) -> Tensor:
    """Return the weights times the factor that makes the convolved weights one at the centre, which is dense."""
    weights = weights / weights.max()
    convolved = kernel.convolve(weights, points)
    centre = points.abs().amax(dim=1) <= max(_CENTRE, float(points.abs().amax(dim=1).min()))
    return weights * (weights[centre].sum() / (weights * convolved)[centre].sum())


class _Kernel:
    """The convolution of weights at k-space points with Pipe and Menon's kernel, by way of the doubled image grid."""

    def __init__(self, trajectory: Trajectory) -> None:
        ny, nx = self.matrix = trajectory.matrix
        rows = torch.arange(-ny, ny, device=trajectory.points.device) / ny
        columns = torch.arange(-nx, nx, device=trajectory.points.device) / nx
        distance = torch.hypot(rows[:, None], columns[None]).clamp_max_(1)
        overlap = distance.acos() - distance * (1 - distance.square()).sqrt()
        # A kernel of unit integral over k-space, so that the weights are areas.
        self.window = overlap * (2 / math.pi / (ny * nx))

    def convolve(self, weights: Tensor, points: Tensor) -> Tensor:
        """Return the convolution, float32 (sample,), of `weights` (sample,) at `points` (sample, 2)."""
        doubled = (2 * self.matrix[0], 2 * self.matrix[1])
        image = grid_values(weights.to(torch.complex64)[None], points, self.matrix, doubled, _TOLERANCE)
        # Of twice the pixels' number at the same pixel size, the points are in cycles per two fields of view.
        return sample_values(image.mul_(self.window), 2 * points, _TOLERANCE)[0].real
