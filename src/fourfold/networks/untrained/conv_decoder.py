"""ConvDecoder: convolutions with nearest-neighbour upsampling."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate, relu

from fourfold.networks.untrained.decoder import Decoder

__all__ = ["ConvDecoder"]


class ConvDecoder(Decoder):
    """Layers of nearest-neighbour upsampling, 3×3 convolution, ReLU and batch norm (Darestani & Heckel 2021).

    IEEE TCI 7:724. With 8 layers of 160 channels and 30 output channels, the setting for knees with 15 coils, it has
    1,850,560 parameters.
    """

    kernel = 3

    def forward(self) -> Tensor:
        """Return the images, float32 (member, output, y, x)."""
        x = self.fixed_input
        for size, conv, norm in zip(self.sizes, self.convolutions, self.norms, strict=True):
            x = x if x.shape[-2:] == size else interpolate(x, size=size)
            x = norm(relu(conv(x)))
        return self.combined(x)
