"""Base class of decoders: a small random input, upsampled from layer to layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from fourfold.networks.untrained.members import Members, convolution, normalisation
from fourfold.networks.untrained.sizes import growing_sizes

__all__ = ["Decoder", "tapered_widths"]

_TAPER, _LEAST_WIDTH = (0.75, 0.5, 0.25), 16


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
    tapered
        Whether the last three layers have fewer channels: see `tapered_widths`.
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
        tapered: bool = False,
    ) -> None:
        super().__init__(seeds, outputs, size)
        self.sizes = [*growing_sizes(input_size, size, layers - 1), size]
        count, widths = self.members, tapered_widths(channels, layers) if tapered else [channels] * layers
        self.convolutions = nn.ModuleList(
            convolution(count, inputs, width, self.kernel)
            for inputs, width in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.norms = nn.ModuleList(normalisation(count, width) for width in widths)
        self.combine = convolution(count, widths[-1], outputs, 1)
        self.draw(channels, input_size)
        # Inputs of convolution, rectifier and normalisation of every layer.
        self.numbers_kept = 3 * sum(width * ny * nx for width, (ny, nx) in zip(widths, self.sizes, strict=True))


def tapered_widths(channels: int, layers: int) -> list[int]:
    """Return the channels of each layer where the last three have 3/4, 1/2 and 1/4 of them, at least 16.

    These layers have the most pixels. With 64 channels they take 87 % of the arithmetic, tapered a third of that.
    """
    least = min(channels, _LEAST_WIDTH)
    shares = [1.0] * layers + list(_TAPER)
    return [max(least, round(share * channels)) for share in shares[-layers:]]
