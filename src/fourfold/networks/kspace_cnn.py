"""A network from k-space to the image that is told nothing of the physics."""

from __future__ import annotations

from torch import Tensor, nn

from fourfold.networks.channels import as_channels, as_complex
from fourfold.networks.conv_stack import ConvStack

__all__ = ["KspaceCnn"]


class KspaceCnn(nn.Module):
    """A stack of convolutions that takes k-space in and gives images out, without a Fourier transform.

    The naive approach: it would have to learn the Fourier transform, and convolutions, which see a neighbourhood only,
    cannot. It is here to be compared with. 113,154 parameters with the defaults.

    Parameters
    ----------
    channels, layers, seed
        As in `fourfold.networks.conv_stack.ConvStack`.
    """

    def __init__(self, channels: int = 64, layers: int = 4, seed: int = 0) -> None:
        super().__init__()
        self.stack = ConvStack(2, 2, channels, layers, seed)

    def forward(self, kspace: Tensor) -> Tensor:
        """Return coil images, complex64 (frame, coil, y, x), for k-space (frame, coil, ky, kx), coil by coil."""
        return as_complex(self.stack(as_channels(kspace.flatten(0, 1)))).view(kspace.shape)
