"""The Fourier transform from the image grid to any points of k-space, by finufft."""

from __future__ import annotations

import math
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.operators.axes import Axes, own_frames
from fourfold.operators.linear_operator import LinearOperator
from fourfold.scan import Trajectory

__all__ = ["TOLERANCE", "Nufft", "grid_values", "on_cpu", "sample_values"]

TOLERANCE = 1e-6
"""Relative error that finufft is asked for; float32 rounding adds about as much."""


class Nufft(LinearOperator):
    """The orthonormal non-uniform Fourier transform: images (frame, coil, y, x) to (frame, coil, shot, sample).

    Barnett, Magland & af Klinteberg 2019 (SIAM J. Sci. Comput. 41:C479). At whole-numbered points it equals the
    centred orthonormal transform of Cartesian k-space (`fourfold.operators.fourier.fft`).

    Parameters
    ----------
    trajectory
        The points.
    mask
        bool, (frame or 1, shot, sample): samples outside it are zero.

    Raises
    ------
    InputError
        When finufft is not installed.
    """

    def __init__(self, trajectory: Trajectory, mask: Tensor) -> None:
        self.points, self.matrix, self.mask = trajectory.points, trajectory.matrix, mask
        self.scale = 1 / math.sqrt(math.prod(trajectory.matrix))
        frames = own_frames(trajectory.frames, mask.shape[0])
        self.domain = Axes(frame=frames, coil=None, y=trajectory.matrix[0], x=trajectory.matrix[1])
        self.codomain = Axes(frame=frames, coil=None, shot=mask.shape[1], sample=mask.shape[2])
        _library(trajectory.points.device)

    def _forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.frame_samples(images, frame) for frame, images in enumerate(x)])

    def _adjoint(self, y: Tensor) -> Tensor:
        """Return the sum of the samples' waves; weight `y` by the density for an image of the right contrast."""
        return torch.stack([self.frame_images(samples, frame) for frame, samples in enumerate(y)])

    def frame_samples(self, images: Tensor, frame: int) -> Tensor:
        """Return the samples (coil, shot, sample) of the images (coil, y, x) of one frame."""
        points, mask = self._points(frame)
        samples = images.new_zeros((images.shape[0], *mask.shape))
        samples[:, mask] = sample_values(images, points) * self.scale
        return samples

    def frame_images(self, samples: Tensor, frame: int) -> Tensor:
        """Return the images (coil, y, x) of the samples (coil, shot, sample) of one frame."""
        points, mask = self._points(frame)
        return grid_values(samples[:, mask], points, self.matrix, self.matrix) * self.scale

    def _points(self, frame: int) -> tuple[Tensor, Tensor]:
        """Return the points (sample, 2) that count in a frame, and where they stand, bool (shot, sample)."""
        mask = self.mask[frame % self.mask.shape[0]]
        return self.points[frame % self.points.shape[0]][mask], mask


def sample_values(images: Tensor, points: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Return Σ image(y, x) · exp(−2πi (ky y / ny + kx x / nx)) at each point, not normalised.

    Parameters
    ----------
    images
        complex64, (image, y, x), y and x counted from the pixel ``n // 2``.
    points
        float32, (sample, 2), (ky, kx) in cycles per field of view.
    tolerance
        Relative error allowed.

    Returns
    -------
    Tensor
        complex64, (image, sample).
    """
    library, host = _library(images.device)
    ky, kx = _angles(points, images.shape[-2:], host)
    values = library.nufft2d2(ky, kx, _given(images, host), eps=tolerance, isign=-1, **_threads(host))
    return _taken(values, images).reshape(images.shape[0], -1)


def grid_values(
    samples: Tensor, points: Tensor, matrix: tuple[int, int], shape: tuple[int, int], tolerance: float = TOLERANCE
) -> Tensor:
    """Return Σ sample · exp(+2πi (ky y / ny + kx x / nx)) at each pixel, not normalised.

    Parameters
    ----------
    samples
        complex64, (image, sample).
    points
        float32, (sample, 2), (ky, kx) in cycles per field of view.
    matrix
        (ny, nx) of the field of view.
    shape
        Pixels of the result, of the same size as the matrix' but as many as wanted; the origin is ``n // 2``.
    tolerance
        Relative error allowed.

    Returns
    -------
    Tensor
        complex64, (image, y, x).
    """
    library, host = _library(samples.device)
    ky, kx = _angles(points, matrix, host)
    values = library.nufft2d1(ky, kx, _given(samples, host), shape, eps=tolerance, isign=1, **_threads(host))
    return _taken(values, samples).reshape(samples.shape[0], *shape)


def on_cpu(device: torch.device) -> bool:
    """Whether non-uniform transforms of tensors on `device` are computed on the CPU."""
    return device.type != "cuda" or find_spec("cufinufft") is None


def _library(device: torch.device) -> tuple[Any, bool]:
    """Return the library that transforms tensors on `device`, and whether it wants NumPy arrays."""
    host = on_cpu(device)
    try:
        return import_module("finufft" if host else "cufinufft"), host
    except ImportError:
        raise InputError(
            "Non-Cartesian scans need the library finufft, which is not installed: pip install 'fourfold[nufft]'."
        ) from None


def _angles(points: Tensor, matrix: tuple[int, ...], host: bool) -> tuple[Any, Any]:
    turns = points * points.new_tensor([2 * math.pi / size for size in matrix])
    return _given(turns[:, 0], host), _given(turns[:, 1], host)


def _given(array: Tensor, host: bool) -> Any:
    array = array.detach().resolve_conj().contiguous()
    return array.cpu().numpy() if host else array


def _taken(values: Any, like: Tensor) -> Tensor:
    return (values if isinstance(values, Tensor) else torch.from_numpy(values)).to(like.device)


def _threads(host: bool) -> dict[str, int]:
    return {"nthreads": torch.get_num_threads()} if host else {}
