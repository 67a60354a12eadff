"""Low-resolution images of calibration k-space."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.operators.fourier import fft
from fourfold.scan import crop_centre

__all__ = ["low_resolution_images", "low_resolution_phase", "tapered_transform"]


def low_resolution_images(calibration: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return the images (…, y, x) of centred calibration k-space (…, ky, kx), interpolated to a grid of `shape`.

    The transform is that of zero-filled k-space on the full grid, orthonormal. The lines are weighted with a Hann
    window, because without it the truncation side lobes exceed the noise in the background.
    """
    along_y = tapered_transform(calibration.shape[-2], shape[0], calibration)
    along_x = tapered_transform(calibration.shape[-1], shape[1], calibration)
    return along_y @ calibration @ along_x.T


def low_resolution_phase(images: Tensor, lines: int) -> Tensor:
    """Return the phase of the images that the central `lines` of k-space alone would show.

    Parameters
    ----------
    images
        complex64, (…, y, x).
    lines
        Samples of the centre along each axis; no more than there are.

    Returns
    -------
    Tensor
        complex64 of modulus 1, shape as `images`; 0 where such an image is 0.
    """
    shape = (images.shape[-2], images.shape[-1])
    centre = crop_centre(fft(images), (min(lines, shape[0]), min(lines, shape[1])))
    return torch.sgn(low_resolution_images(centre, shape))


def tapered_transform(lines: int, size: int, like: Tensor) -> Tensor:
    """Return the matrix (size, lines) of the centred, orthonormal inverse transform of Hann-weighted lines."""
    taper = torch.hann_window(lines + 2, periodic=False, dtype=torch.float64)[1:-1]
    positions = torch.arange(size, dtype=torch.float64) - size // 2
    orders = torch.arange(lines, dtype=torch.float64) - lines // 2
    angles = 2 * math.pi / size * positions[:, None] * orders
    return (torch.polar(taper.expand_as(angles), angles) / math.sqrt(size)).to(like)
