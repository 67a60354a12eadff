"""The U-Net in the architectures of fastMRI and of Ghodrati et al. 2019."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, leaky_relu_, max_pool2d, pad

from fourfold.networks.layers.channels import normalised_layout
from fourfold.networks.layers.instance_norm import SLOPE, normalised_leaky_relu_
from fourfold.networks.layers.seeded import conv, draw_weights, transposed_conv

__all__ = ["Pooling", "UNet"]

Pooling = Literal["average", "max"]

# From torch's default bound of weights, 1/√n, to √(6 / n(1 + a²)), which preserves the variance through a leaky ReLU.
_VARIANCE_FACTOR = math.sqrt(6 / (1 + SLOPE**2))


class _Block(nn.Module):
    """Two 3×3 convolutions, each followed by an activation."""

    def __init__(self, inputs: int, outputs: int, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first = conv(inputs, outputs, bias=False)
        self.second = conv(outputs, outputs, bias=False)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.first(x))
        return self.activation(self.second(x))


def _leaky_relu_(x: Tensor) -> Tensor:
    return leaky_relu_(x, SLOPE)


class UNet(nn.Module):
    """An encoder–decoder with skip connections (Ronneberger 2015, MICCAI), in the architecture of fastMRI's baseline.

    Zbontar et al. 2018 (arXiv:1811.08839): `pools` times 2×2 pooling with doubled channels, and as many transposed
    convolutions; instance norm and leaky ReLU after each convolution; a final 1×1 convolution. With one input and
    output channel and 4 pools, 32 channels have 7,756,097 parameters and 30 channels 6,816,901. Ghodrati et al. 2019
    (QIMS 9:1516) used two max-pooling stages and 1.3 million parameters; 54 channels, 2 pools and ``pooling="max"``
    have 1,324,405.

    Parameters
    ----------
    inputs, outputs
        Channels of the input and the output.
    channels
        Channels of the first block.
    pools
        Number of pooling stages.
    pooling
        Mean or maximum of 2×2 pixels.
    homogeneous
        No normalisation and no bias: U(a x) = a U(x) for a ≥ 0. The network then generalises to noise levels that it
        was not trained on (Mohan et al. 2020, ICLR, arXiv:1906.05478). The initial weights preserve the variance from
        layer to layer, as the normalisation does otherwise.
    seed
        Seed of the initial weights.
    """

    def __init__(
        self,
        inputs: int = 1,
        outputs: int = 1,
        channels: int = 32,
        pools: int = 4,
        pooling: Pooling = "average",
        homogeneous: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.activation = _leaky_relu_ if homogeneous else normalised_leaky_relu_
        widths = [channels * 2**level for level in range(pools + 1)]
        self.down = nn.ModuleList(
            _Block(first, second, self.activation)
            for first, second in zip([inputs, *widths[:-2]], widths[:-1], strict=True)
        )
        self.bottom = _Block(widths[-2], widths[-1], self.activation)
        self.enlarge = nn.ModuleList(transposed_conv(2 * width, width) for width in reversed(widths[:-1]))
        self.up = nn.ModuleList(_Block(2 * width, width, self.activation) for width in reversed(widths[:-1]))
        self.last = conv(channels, outputs, kernel=1, bias=not homogeneous)
        self.pool = avg_pool2d if pooling == "average" else max_pool2d
        self.smallest = 2 ** (pools + 1)
        draw_weights(self, seed)
        if homogeneous:
            self.keep_variance()

    @torch.no_grad()
    def keep_variance(self) -> None:
        """Scale the initial weights so that the variance is preserved from layer to layer."""
        for parameter in self.parameters():
            parameter.mul_(_VARIANCE_FACTOR)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output images, real (frame, output, y, x), of input images (frame, input, y, x) of any size.

        Odd rows and columns, which pooling drops, are restored by reflection. A side that is too short for all pooling
        stages is padded by repeating its last pixel, and the result is cropped.
        """
        ny, nx = x.shape[-2:]
        if min(ny, nx) < self.smallest:
            x = pad(x, (0, max(0, self.smallest - nx), 0, max(0, self.smallest - ny)), mode="replicate")
        x = normalised_layout(x)
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = self.pool(x, 2)
        x = self.bottom(x)
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            skip = skips.pop()
            x = self.activation(enlarge(x))
            if x.shape != skip.shape:
                x = pad(x, (0, skip.shape[-1] - x.shape[-1], 0, skip.shape[-2] - x.shape[-2]), mode="reflect")
            x = block(torch.cat([x, skip], dim=1))
        result: Tensor = self.last(x)
        return result[..., :ny, :nx]
