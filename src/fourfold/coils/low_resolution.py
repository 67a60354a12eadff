"""Low-resolution images of calibration k-space."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["low_resolution_images", "tapered_transform"]


def low_resolution_images(calibration: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return the images (…, y, x) of centred calibration k-space (…, ky, kx), interpolated to a grid of `shape`.

    The transform is that of zero-filled k-space on the full grid, orthonormal. The lines are weighted with a Hann
    window, because without it the truncation side lobes exceed the noise in the background.
    """
    along_y = tapered_transform(calibration.shape[-2], shape[0], calibration)
    along_x = tapered_transform(calibration.shape[-1], shape[1], calibration)
    return along_y @ calibration @ along_x.T


def tapered_transform(lines: int, size: int, like: Tensor) -> Tensor:
    """Return the matrix (size, lines) of the centred, orthonormal inverse transform of Hann-weighted lines."""
    taper = torch.hann_window(lines + 2, periodic=False, dtype=torch.float64)[1:-1]
    positions = torch.arange(size, dtype=torch.float64) - size // 2
    orders = torch.arange(lines, dtype=torch.float64) - lines // 2
    angles = 2 * math.pi / size * positions[:, None] * orders
    return (torch.polar(taper.expand_as(angles), angles) / math.sqrt(size)).to(like)
