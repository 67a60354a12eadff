"""Estimation of coil maps from calibration lines by a network."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from fourfold.coils.low_resolution import low_resolution_images
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.networks.normalised_unet import NormalisedUNet
from fourfold.operators.fourier import fft, ifft

__all__ = ["Grid", "SensitivityNetwork"]

Grid = Literal["full", "calibration"]


class SensitivityNetwork(nn.Module):
    """A U-Net from low-resolution coil images to coil maps (Sriram et al. 2020, arXiv:2004.06688).

    The same network is applied to each coil, and the maps are divided by their root-sum-of-squares. With 8 channels and
    4 pools it has 484,898 parameters.

    Parameters
    ----------
    channels, pools, seed
        As in `fourfold.networks.unet.UNet`.
    grid
        ``"full"``, as published: the network's input is the zero-filled images on the full grid. ``"calibration"``: the
        input is the small images of the calibration region, and the output is interpolated. This is faster, but the
        receptive field differs, so that weights cannot be exchanged between the two.
    """

    def __init__(self, channels: int = 8, pools: int = 4, grid: Grid = "full", seed: int = 0) -> None:
        super().__init__()
        self.grid = grid
        self.unet = NormalisedUNet(channels, pools, seed)

    def forward(self, calibration: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return coil maps, complex64 (frame, coil, y, x), with Σ|S|² = 1.

        Parameters
        ----------
        calibration
            complex64, (frame, coil, ky, kx), centred k-space without gaps, no larger than `shape`.
        shape
            Size (ny, nx) of the maps.
        """
        small = calibration.shape[-2:]
        if self.grid == "full":
            before = [size // 2 - width // 2 for size, width in zip(shape, small, strict=True)]
            after = [size - width - first for size, width, first in zip(shape, small, before, strict=True)]
            calibration = pad(calibration, (before[1], after[1], before[0], after[0]))
        images = ifft(calibration)
        # On CPUs, one coil at a time is faster and needs less memory.
        coils_at_once = 1 if images.device.type == "cpu" else images.shape[1]
        maps = torch.cat(
            [self.unet(part.flatten(0, 1)).view_as(part) for part in torch.split(images, coils_at_once, dim=1)], dim=1
        )
        if self.grid == "calibration":
            maps = low_resolution_images(fft(maps), shape)
        rss = root_sum_of_squares(maps)[:, None]
        return maps / rss.clamp_min(torch.finfo(rss.dtype).tiny)
