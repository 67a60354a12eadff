"""Base class of decoders: a small random input, upsampled from layer to layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from fourfold.networks.untrained.members import Members, convolution, normalisation
from fourfold.networks.untrained.sizes import growing_sizes

__all__ = ["Decoder"]


class Decoder(Members):
    """Base of decoders: `layers` convolutions with a batch norm each, and a linear combination of channels at the end.

    The first ``layers − 1`` layers upsample by a constant factor, from the input size to the output size. The last one
    keeps the size.

    Parameters
    ----------
    seeds, outputs, size
        As in `fourfold.networks.untrained.members.Members`.
    channels
        Channels of every layer and of the input.
    layers
        Number of convolutions, at least two.
    input_size
        Size (ny, nx) of the fixed random input.
    """

    kernel: ClassVar[int]
    """Width of the convolutions."""

    def __init__(
        self,
        seeds: Sequence[int],
        outputs: int,
        size: tuple[int, int],
        channels: int,
        layers: int,
        input_size: tuple[int, int],
    ) -> None:
        super().__init__(seeds, outputs, size)
        self.sizes = [*growing_sizes(input_size, size, layers - 1), size]
        count = self.members
        self.convolutions = nn.ModuleList(convolution(count, channels, channels, self.kernel) for _ in range(layers))
        self.norms = nn.ModuleList(normalisation(count, channels) for _ in range(layers))
        self.combine = convolution(count, channels, outputs, 1)
        self.draw(channels, input_size)
        # Inputs of convolution, rectifier and normalisation of every layer.
        self.numbers_kept = 3 * channels * sum(ny * nx for ny, nx in self.sizes)
