"""A U-Net that denoises complex images, conditioned on the noise level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fourfold.networks.layers.channels import as_channels, as_complex
from fourfold.networks.network import Network
from fourfold.networks.objectives.denoising import Denoising
from fourfold.networks.objectives.objective import Objective
from fourfold.networks.unet import UNet
from fourfold.networks.untrained.sizes import Channels, Pools, Seed
from fourfold.operators.fourier import ifft

__all__ = ["DenoisingUNet"]


class DenoisingUNet(Network):
    """A U-Net without normalisation and bias; its input is real and imaginary part and a map of the noise level.

    The noise map makes one network suitable for all levels (Zhang et al. 2022, IEEE TPAMI 44:6360). Without
    normalisation and bias, D(a x, a σ) = a D(x, σ): the network is equivariant to the scale of the data (Mohan et al.
    2020, ICLR, arXiv:1906.05478). 32 channels and 3 pools have 1,924,000 parameters.

    Parameters
    ----------
    channels, pools, seed
        As in `fourfold.networks.unet.UNet`.
    """

    name: ClassVar[str] = "denoiser"

    def __init__(self, channels: Channels = 32, pools: Pools = 3, seed: Seed = 0) -> None:
        super().__init__()
        self.unet = UNet(3, 2, channels, pools, homogeneous=True, seed=seed)

    @classmethod
    def objectives(cls, settings: Mapping[str, Any]) -> tuple[type[Objective], ...]:  # noqa: ARG003  # part of the interface
        """Return denoising."""
        return (Denoising,)

    @property
    def denoiser(self) -> nn.Module:
        """The network itself."""
        return self

    def test_output(self, kspace: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002  # part of the interface
        """Return the denoised zero-filled image, as if its noise were a tenth of its largest pixel."""
        images = ifft(kspace)[:, 0]
        denoised: Tensor = self(images, 0.1 * images.abs().amax(dim=(1, 2)))
        return denoised

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
