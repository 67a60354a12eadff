"""ResNet_k[32,3]: residual blocks at full resolution."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn.functional import relu

from fourfold.networks.layers.channels import channels_last
from fourfold.networks.layers.seeded import conv, draw_weights

__all__ = ["ResNet"]


class _ResidualBlock(nn.Module):
    """x + two 3×3 convolutions, each followed by batch norm, with a ReLU after the first and after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.first_norm = conv(channels, channels), nn.BatchNorm2d(channels)
        self.second, self.second_norm = conv(channels, channels), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = relu(self.first_norm(self.first(x)), inplace=True)
        return relu(self.second_norm(self.second(inner)) + x)


class ResNet(nn.Module):
    """A residual network for images (Ghodrati et al. 2019, QIMS 9:1516, Fig. 2B): ResNet_k[channels, 3].

    A convolution to `channels` channels, `blocks` residual blocks of two 3×3 convolutions with batch norm and ReLU, and
    two convolutions back to the image. With 4 blocks and one input and output channel it has 84,353 parameters; the
    paper says "approximately 100,000" and "less than 0.1 million". The paper does not give the position of the ReLUs in
    a block; it is that of He et al. 2016.

    Parameters
    ----------
    inputs, outputs
        Channels of the input and the output.
    blocks
        Number of blocks, k.
    channels
        Channels of every block.
    seed
        Seed of the initial weights.
    """

    def __init__(self, inputs: int = 1, outputs: int = 1, blocks: int = 4, channels: int = 32, seed: int = 0) -> None:
        super().__init__()
        self.first = conv(inputs, channels)
        self.blocks = nn.Sequential(*(_ResidualBlock(channels) for _ in range(blocks)))
        self.last = nn.Sequential(conv(channels, channels), nn.ReLU(inplace=True), conv(channels, outputs))
        draw_weights(self, seed)

    def forward(self, x: Tensor) -> Tensor:
        """Return real (frame, output, y, x) for real (frame, input, y, x) of any size."""
        x = self.first(channels_last(x))
        return cast(Tensor, self.last(self.blocks(x)))
