"""The network of the Deep Image Prior: an encoder–decoder with skip connections."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fourfold.networks.untrained.members import Members, convolution, normalisation

__all__ = ["DeepImagePrior", "most_scales"]

_SLOPE = 0.2
# The variance of fewer pixels is unsuitable for normalisation.
_SMALLEST = 2


def most_scales(size: tuple[int, int]) -> int:
    """Return how often an image can be halved before a side has fewer than two pixels."""
    scales, side = 0, min(size)
    while side > _SMALLEST:
        scales, side = scales + 1, (side + 1) // 2
    return scales


class DeepImagePrior(Members):
    """An encoder–decoder with skip connections (Ulyanov, Vedaldi & Lempitsky 2018, CVPR).

    Each encoder scale halves the image with a convolution of stride two, followed by another convolution. Each decoder
    scale upsamples bilinearly, concatenates a few skip channels, and applies a convolution and a 1×1 convolution. Batch
    norm and leaky ReLU follow every convolution. With 8 scales of 256 channels, 5×5 down, 3×3 up, 256 input and 30
    output channels it has 31.6 million parameters.

    Parameters
    ----------
    seeds, outputs, size
        As in `fourfold.networks.untrained.members.Members`.
    channels
        Channels of every scale and of the input.
    scales
        Number of scales, at most `most_scales`.
    down, up
        Kernel widths of encoder and decoder, odd.
    skip
        Channels of each skip connection.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        outputs: int,
        size: tuple[int, int],
        channels: int = 256,
        scales: int = 8,
        down: int = 5,
        up: int = 3,
        skip: int = 4,
    ) -> None:
        super().__init__(seeds, outputs, size)
        count = self.members

        def unit(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(
                convolution(count, inputs, outputs, kernel, stride), normalisation(count, outputs), nn.LeakyReLU(_SLOPE)
            )

        self.encoders = nn.ModuleList(
            nn.Sequential(unit(channels, channels, down, 2), unit(channels, channels, down)) for _ in range(scales)
        )
        self.skips = nn.ModuleList(unit(channels, skip, 1) for _ in range(scales))
        self.decoders = nn.ModuleList(unit(channels + skip, channels, up) for _ in range(scales))
        self.mixers = nn.ModuleList(unit(channels, channels, 1) for _ in range(scales))
        self.combine = convolution(count, channels, outputs, 1)
        self.draw(channels, size)
        # Three arrays for each of the two decoder convolutions and the upsampling; all scales sum to 4/3 of the first.
        self.numbers_kept = 9 * channels * size[0] * size[1] * 4 // 3

    def forward(self) -> Tensor:
        """Return the images, float32 (member, output, y, x)."""
        x, skipped = self.fixed_input, []
        for encoder, skip in zip(self.encoders, self.skips, strict=True):
            skipped.append(skip(x))
            x = encoder(x)
        for decoder, mixer, beside in zip(self.decoders, self.mixers, reversed(skipped), strict=True):
            x = interpolate(x, size=beside.shape[-2:], mode="bilinear")
            x = mixer(decoder(self._concatenated(x, beside)))
        return self.combined(x)

    def _concatenated(self, *images: Tensor) -> Tensor:
        """Return images (1, member · channel, y, x) with their channels concatenated, member by member."""
        grouped = [image.view(1, self.members, -1, *image.shape[-2:]) for image in images]
        return torch.cat(grouped, dim=2).flatten(1, 2)
