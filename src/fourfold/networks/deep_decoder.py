"""Deep Decoder: no convolution wider than a pixel."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from fourfold.networks.members import Members, convolution, normalisation
from fourfold.networks.sizes import growing_sizes

__all__ = ["DeepDecoder"]


class DeepDecoder(Members):
    """Layers of 1×1 convolution, bilinear enlargement, ReLU and batch norm (Heckel & Hand 2019, ICLR).

    All mixing of neighbours is left to the enlargement. The last layer keeps the size, and a linear combination of its
    channels gives the images. With 10 layers of 368 channels and 30 output channels it has 1,372,640 parameters.

    Parameters
    ----------
    seeds, outputs, size, channels, layers, input_size
        As in `fourfold.networks.conv_decoder.ConvDecoder`.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        outputs: int,
        size: tuple[int, int],
        channels: int = 368,
        layers: int = 10,
        input_size: tuple[int, int] = (16, 16),
    ) -> None:
        super().__init__(seeds, outputs, size)
        self.sizes = [*growing_sizes(input_size, size, layers - 1), size]
        count = self.members
        self.convolutions = nn.ModuleList(convolution(count, channels, channels, 1) for _ in range(layers))
        self.norms = nn.ModuleList(normalisation(count, channels) for _ in range(layers))
        self.combine = convolution(count, channels, outputs, 1)
        self.draw(channels, input_size)
        # Of every layer what goes into the convolution, the rectifier and the normalisation.
        self.numbers_kept = 3 * channels * sum(ny * nx for ny, nx in self.sizes)

    def forward(self) -> Tensor:
        """Return the images, float32 (member, output, y, x)."""
        x = self.fixed_input
        for size, conv, norm in zip(self.sizes, self.convolutions, self.norms, strict=True):
            x = conv(x)
            x = x if x.shape[-2:] == size else interpolate(x, size=size, mode="bilinear")
            x = norm(relu(x))
        return self.combined(x)
