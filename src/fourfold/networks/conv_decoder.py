"""ConvDecoder: convolutions between nearest-neighbour enlargements."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from fourfold.networks.members import Members, convolution, normalisation
from fourfold.networks.sizes import growing_sizes

__all__ = ["ConvDecoder"]


class ConvDecoder(Members):
    """Layers of enlargement (nearest neighbour), 3×3 convolution, ReLU and batch norm (Darestani & Heckel 2021).

    IEEE TCI 7:724. The first ``layers − 1`` layers enlarge by a constant factor, from the input's size to the
    output's; the last one keeps it, and a linear combination of its channels gives the images. With 8 layers of 160
    channels and 30 output channels, the setting for knees with 15 coils, it has 1,850,560 parameters.

    Parameters
    ----------
    seeds, outputs, size
        As in `Members`.
    channels
        Of every layer and of the input.
    layers
        Number of convolutions, two at least.
    input_size
        Size (ny, nx) of the fixed random input.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        outputs: int,
        size: tuple[int, int],
        channels: int = 160,
        layers: int = 8,
        input_size: tuple[int, int] = (8, 4),
    ) -> None:
        super().__init__(seeds, outputs, size)
        self.sizes = [*growing_sizes(input_size, size, layers - 1), size]
        count = self.members
        self.convolutions = nn.ModuleList(convolution(count, channels, channels, 3) for _ in range(layers))
        self.norms = nn.ModuleList(normalisation(count, channels) for _ in range(layers))
        self.combine = convolution(count, channels, outputs, 1)
        self.draw(channels, input_size)
        # Of every layer what goes into the convolution, the rectifier and the normalisation.
        self.numbers_kept = 3 * channels * sum(ny * nx for ny, nx in self.sizes)

    def forward(self) -> Tensor:
        """Return the images, float32 (member, output, y, x)."""
        x = self.fixed_input
        for size, conv, norm in zip(self.sizes, self.convolutions, self.norms, strict=True):
            x = x if x.shape[-2:] == size else interpolate(x, size=size)
            x = norm(relu(conv(x)))
        return self.combined(x)
