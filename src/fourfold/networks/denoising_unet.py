"""A U-Net that denoises complex images, conditioned on the noise level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fourfold.networks.layers.channels import as_channels, as_complex
from fourfold.networks.unet import UNet

__all__ = ["DenoisingUNet"]


class DenoisingUNet(nn.Module):
    """A U-Net without normalisation and bias; its input is real and imaginary part and a map of the noise level.

    The noise map makes one network suitable for all levels (Zhang et al. 2022, IEEE TPAMI 44:6360). Without
    normalisation and bias, D(a x, a σ) = a D(x, σ): the network is equivariant to the scale of the data (Mohan et al.
    2020, ICLR, arXiv:1906.05478). 32 channels and 3 pools have 1,924,000 parameters.

    Parameters
    ----------
    channels, pools, seed
        As in `fourfold.networks.unet.UNet`.
    """

    def __init__(self, channels: int = 32, pools: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.unet = UNet(3, 2, channels, pools, homogeneous=True, seed=seed)

    def forward(self, images: Tensor, level: Tensor) -> Tensor:
        """Return denoised images.

        Parameters
        ----------
        images
            complex64, (frame, y, x).
        level
            float32, (frame,): standard deviation of the complex noise, √E|n|².
        """
        x = as_channels(images)
        levels = level[:, None, None, None].expand(-1, 1, *x.shape[2:])
        return as_complex(x - self.unet(torch.cat([x, levels], dim=1)))
