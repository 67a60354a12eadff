"""A convolutional network from k-space to the image, without a Fourier transform."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from fourfold.networks.layers.channels import as_channels, as_complex
from fourfold.networks.layers.conv_stack import ConvStack
from fourfold.networks.reconstructor import Reconstructor, require_maps
from fourfold.networks.untrained.sizes import Channels, Count, Seed

__all__ = ["KspaceCnn"]


class KspaceCnn(Reconstructor):
    """A stack of convolutions with k-space as input and images as output.

    A baseline for comparison. It would have to learn the Fourier transform, which convolutions with their local
    receptive field cannot represent. It has 113,154 parameters by default.

    Parameters
    ----------
    channels, layers, seed
        As in `fourfold.networks.layers.conv_stack.ConvStack`.
    """

    name: ClassVar[str] = "kspace-cnn"

    def __init__(self, channels: Channels = 64, layers: Count = 4, seed: Seed = 0) -> None:
        super().__init__()
        self.stack = ConvStack(2, 2, channels, layers, seed)

    def coil_images(self, kspace: Tensor) -> Tensor:
        """Return coil images, complex64 (frame, coil, y, x), of k-space (frame, coil, ky, kx), coil by coil."""
        return as_complex(self.stack(as_channels(kspace.flatten(0, 1)))).view(kspace.shape)

    def forward(
        self,
        kspace: Tensor,
        mask: Tensor,  # noqa: ARG002  # part of the interface
        maps: Tensor | None = None,
        calibration: Tensor | None = None,  # noqa: ARG002  # part of the interface
    ) -> Tensor:
        """Return the reconstructed images; see `fourfold.networks.reconstructor.Reconstructor.forward`."""
        return (require_maps(kspace, maps).conj() * self.coil_images(kspace)).sum(dim=1)
