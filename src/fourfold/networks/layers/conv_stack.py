"""A stack of convolutions with ReLU."""

from __future__ import annotations

from torch import Tensor, nn

from fourfold.networks.layers.seeded import conv, draw_weights

__all__ = ["ConvStack"]


class ConvStack(nn.Sequential):
    """3×3 convolutions, each followed by ReLU, and an output convolution without ReLU.

    With two channels in and out and four convolutions of 64 channels it has 113,154 parameters: the sub-network of
    the cascade (Dar & Çukur 2017; D5 of Schlemper 2018).

    Parameters
    ----------
    inputs, outputs
        Channels of the input and the output.
    channels
        Channels of the hidden convolutions.
    layers
        Number of convolutions before the output convolution.
    seed
        Seed of the initial weights.
    """

    def __init__(self, inputs: int = 2, outputs: int = 2, channels: int = 64, layers: int = 4, seed: int = 0) -> None:
        steps: list[nn.Module] = []
        for width in [inputs, *[channels] * (layers - 1)]:
            steps += [conv(width, channels), nn.ReLU(inplace=True)]
        super().__init__(*steps, conv(channels, outputs))
        draw_weights(self, seed)

    def forward(self, x: Tensor) -> Tensor:
        """Return real (frame, output, y, x) for real (frame, input, y, x) of any size."""
        for step in self:
            x = step(x)
        return x
