"""A U-Net on complex images that are normalised to mean 0 and variance 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from fourfold.networks.layers.channels import as_channels, as_complex
from fourfold.networks.unet import UNet

__all__ = ["NormalisedUNet"]

# fastMRI's VarNet pads to multiples of this for any number of pools.
_MULTIPLE = 16


class NormalisedUNet(nn.Module):
    """A U-Net between a normalisation and its inverse (Sriram et al. 2020, arXiv:2004.06688).

    Real and imaginary part of each image are normalised separately to mean 0 and standard deviation 1, and the image is
    zero-padded to multiples of 16. The result is cropped and denormalised. The network therefore does not depend on the
    scale of the data.

    Parameters
    ----------
    channels, pools, seed
        As in `fourfold.networks.unet.UNet`.
    mean
        Add the mean of the image to the result. Without it, the result of a zero U-Net is zero.
    """

    def __init__(self, channels: int = 18, pools: int = 4, seed: int = 0, mean: bool = True) -> None:
        super().__init__()
        self.mean = mean
        self.unet = UNet(2, 2, channels, pools, seed=seed)
        self.multiple = max(_MULTIPLE, 2**pools)

    def forward(self, images: Tensor) -> Tensor:
        """Return complex images (frame, y, x) for complex images (frame, y, x)."""
        return as_complex(self.on_channels(as_channels(images)))

    def on_channels(self, x: Tensor) -> Tensor:
        """Return real and imaginary part, (frame, 2, y, x), of images given likewise."""
        deviation, mean = torch.std_mean(x, dim=(2, 3), keepdim=True)
        # A constant part, such as the imaginary part of a real image, stays 0.
        deviation = deviation.clamp_min(torch.finfo(x.dtype).tiny)
        x = (x - mean) / deviation
        (top, bottom), (left, right) = self._margins(x.shape[2]), self._margins(x.shape[3])
        x = self.unet(pad(x, (left, right, top, bottom)))
        x = x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]
        return x * deviation + mean if self.mean else x * deviation

    def _margins(self, size: int) -> tuple[int, int]:
        missing = -size % self.multiple
        return missing // 2, missing - missing // 2
