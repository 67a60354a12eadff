"""Several networks of one architecture in one module: each member is a group of channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fourfold.memory import array_bytes, require_memory
from fourfold.networks.layers.seeded import conv

__all__ = ["Members", "convolution", "normalisation"]


def convolution(members: int, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution with `members` groups, zero-padded to keep the size; its weights are uninitialised."""
    return conv(members * inputs, members * outputs, kernel, bias=False, stride=stride, groups=members)


def normalisation(members: int, channels: int) -> nn.BatchNorm2d:
    """Return a batch norm with the statistics of the current image, for each channel."""
    return nn.BatchNorm2d(members * channels, track_running_stats=False)


class Members(nn.Module):
    """Base of networks that map a fixed random input to images, one network for each seed.

    Each member is a group of channels in shared layers. Its weights and its input are drawn with its own seed, so that
    a member is the same alone and beside others. The global random state is neither used nor changed.

    Parameters
    ----------
    seeds
        Seed of each member.
    outputs
        Number of real output images of each member.
    size
        Size (ny, nx) of the images.
    """

    fixed_input: Tensor
    """Uniform in ±½, (1, member · channel, y, x)."""
    combine: nn.Conv2d
    """The linear combination at the end."""
    members: int
    """Number of networks."""
    numbers_kept: int
    """Approximate number of values that each member stores for its gradient."""

    def __init__(self, seeds: Sequence[int], outputs: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.seeds, self.outputs, self.size = tuple(seeds), outputs, size
        # An attribute, because len(self.seeds) would make a compiled network recompile for other seeds.
        self.members = len(self.seeds)

    def parameters_of_each(self) -> int:
        """Return the number of parameters of one member."""
        return sum(parameter.numel() for parameter in self.parameters()) // self.members

    def draw(self, input_channels: int, input_size: tuple[int, int]) -> None:
        """Draw the fixed input, uniform in ±½, and all weights, uniform in ±1/√(fan-in)."""
        # Uninitialised weights take no memory yet.
        count = sum(parameter.numel() for parameter in self.parameters())
        require_memory(
            array_bytes((count + self.members * input_channels * math.prod(input_size),), torch.float32.itemsize),
            f"A set of {self.members} networks of {count // self.members:,} weights",
            "choose fewer members, channels or layers",
        )
        fixed_input = torch.empty(1, self.members * input_channels, *input_size)
        self.register_buffer("fixed_input", fixed_input)
        layers = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
        for member, seed in enumerate(self.seeds):
            generator = torch.Generator().manual_seed(seed)
            fixed_input.chunk(self.members, dim=1)[member].uniform_(-0.5, 0.5, generator=generator)
            for layer in layers:
                bound = 1 / math.sqrt(layer.weight[0].numel())
                layer.weight.data.chunk(self.members)[member].uniform_(-bound, bound, generator=generator)

    def combined(self, x: Tensor) -> Tensor:
        """Return the linear combinations of channels (1, member · channel, y, x): float32 (member, output, y, x)."""
        # A matrix product: a convolution with few outputs takes twice the time. bfloat16 is too imprecise here.
        with torch.autocast(x.device.type, enabled=False):
            channels = x.float().view(self.members, -1, self.size[0] * self.size[1])
            weight = self.combine.weight.view(self.members, self.outputs, -1)
            return (weight @ channels).view(self.members, self.outputs, *self.size)
