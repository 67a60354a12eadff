"""The denoiser in real arithmetic."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fourfold.export.real_arithmetic import as_channels, from_channels
from fourfold.networks.denoising_unet import DenoisingUNet

__all__ = ["RealDenoiser", "denoised", "turned_kernels"]


class RealDenoiser(nn.Module):
    """The network ``denoiser`` with real input and output.

    Parameters
    ----------
    network
        In evaluation mode.
    """

    inputs = ("image", "noise_std")
    output = "denoised"
    unit = "any, the same for image and noise_std: the network is equivariant to scale"

    def __init__(self, network: DenoisingUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, noise_std: Tensor) -> Tensor:
        """Return the denoised images, float32 (frame, y, x, 2).

        Parameters
        ----------
        image
            float32, (frame, y, x, 2).
        noise_std
            float32, (frame,): standard deviation of the complex noise, √E|n|², in the unit of the image.
        """
        return denoised(self.network, dict(self.network.unet.named_parameters()), image, noise_std)


def denoised(denoiser: DenoisingUNet, kernels: dict[str, Tensor], image: Tensor, level: Tensor) -> Tensor:
    """Return what `denoiser` makes of images (frame, y, x, 2) and noise levels (frame,), with these kernels."""
    x = as_channels(image)
    levels = level[:, None, None, None].expand(-1, 1, *x.shape[2:])
    noise: Tensor = functional_call(denoiser.unet, kernels, (torch.cat([x, levels], dim=1),))
    return from_channels(x - noise)


def turned_kernels(denoiser: DenoisingUNet, turned: Tensor) -> dict[str, Tensor]:
    """Return the kernels of a denoiser, their rows and columns exchanged where `turned` (a bool) holds.

    The denoiser has no other parameters, and treats rows and columns alike. With the exchanged kernels it makes of an
    image what it makes of the transposed image otherwise, transposed.
    """
    return {name: torch.where(turned, each.mT, each) for name, each in denoiser.unet.named_parameters()}
