"""Layers whose initial weights are drawn with a given seed, not from the global random state."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils import skip_init

from fourfold.memory import array_bytes, require_memory

__all__ = ["conv", "draw_weights", "transposed_conv"]

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def conv(inputs: int, outputs: int, kernel: int = 3, bias: bool = True, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution with uninitialised weights, zero-padded to keep the size at stride one."""
    layer: nn.Conv2d = skip_init(  # type: ignore[no-untyped-call]
        nn.Conv2d, inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=bias
    )
    return layer


def transposed_conv(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Return a transposed 2×2 convolution, without bias, that doubles the size; its weights are uninitialised."""
    layer: nn.ConvTranspose2d = skip_init(  # type: ignore[no-untyped-call]
        nn.ConvTranspose2d, inputs, outputs, 2, stride=2, bias=False
    )
    return layer


@torch.no_grad()
def draw_weights(network: nn.Module, seed: int) -> None:
    """Draw weights and biases of all convolutions, uniform in ±1/√(fan-in), which is torch's default."""
    # Uninitialised weights take no memory yet.
    count = sum(parameter.numel() for parameter in network.parameters())
    advice = "choose one with fewer channels or layers"
    require_memory(array_bytes((count,), torch.float32.itemsize), f"A network of {count:,} weights", advice)
    generator = torch.Generator().manual_seed(seed)
    for layer in network.modules():
        if isinstance(layer, _CONVOLUTIONS):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            layer.weight.uniform_(-bound, bound, generator=generator)
            if layer.bias is not None:
                layer.bias.uniform_(-bound, bound, generator=generator)
