"""Deep Decoder: 1×1 convolutions with bilinear upsampling."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate, relu

from fourfold.networks.untrained.decoder import Decoder

__all__ = ["DeepDecoder"]


class DeepDecoder(Decoder):
    """Layers of 1×1 convolution, bilinear upsampling, ReLU and batch norm (Heckel & Hand 2019, ICLR).

    Only the upsampling combines neighbouring pixels. With 10 layers of 368 channels and 30 output channels it has
    1,372,640 parameters.
    """

    kernel = 1

    def forward(self) -> Tensor:
        """Return the images, float32 (member, output, y, x)."""
        x = self.fixed_input
        for size, conv, norm in zip(self.sizes, self.convolutions, self.norms, strict=True):
            x = conv(x)
            x = x if x.shape[-2:] == size else interpolate(x, size=size, mode="bilinear")
            x = norm(relu(x))
        return self.combined(x)
