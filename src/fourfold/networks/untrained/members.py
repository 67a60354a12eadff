"""Several networks of one kind in one module: layers with a group of channels for each member."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fourfold.memory import array_bytes, require_memory
from fourfold.networks.layers.seeded import conv

__all__ = ["Members", "convolution", "normalisation"]


def convolution(members: int, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution of `members` separate groups, zero-padded to keep the size, its weights not set yet."""
    return conv(members * inputs, members * outputs, kernel, bias=False, stride=stride, groups=members)


def normalisation(members: int, channels: int) -> nn.BatchNorm2d:
    """Return a batch norm by the statistics of the one image at hand, each channel by its own."""
    return nn.BatchNorm2d(members * channels, track_running_stats=False)


class Members(nn.Module):
    """Base of networks that map a fixed random input to images, one network for each seed.

    The members share layers and nothing else: each has a group of channels of its own, and weights and input drawn by
    a generator of its own seed, so that a member comes out the same alone and beside others. The global random state
    is neither used nor changed.

    Parameters
    ----------
    seeds
        One for each member.
    outputs
        Real images that each member makes.
    size
        Their size (ny, nx).
    """

    fixed_input: Tensor
    """Uniform in ±½, (1, member · channel, y, x)."""
    combine: nn.Conv2d
    """The linear combination at the end."""
    members: int
    """Number of networks."""
    numbers_kept: int
    """How many numbers each member keeps for its derivative, roughly."""

    def __init__(self, seeds: Sequence[int], outputs: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.seeds, self.outputs, self.size = tuple(seeds), outputs, size
        # Asked for the length of the seeds, a compiled network would be compiled anew for other seeds.
        self.members = len(self.seeds)

    def parameters_of_each(self) -> int:
        """Return how many parameters one member has."""
        return sum(parameter.numel() for parameter in self.parameters()) // self.members

    def draw(self, input_channels: int, input_size: tuple[int, int]) -> None:
        """Draw the fixed input, uniform in ±½, and all weights, uniform in ±1/√(inputs of a convolution's sum)."""
        # Until they are drawn, the numbers take no memory.
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
        # As a product of matrices: a convolution of so few outputs takes twice the time. bfloat16 would be too coarse.
        with torch.autocast(x.device.type, enabled=False):
            channels = x.float().view(self.members, -1, self.size[0] * self.size[1])
            weight = self.combine.weight.view(self.members, self.outputs, -1)
            return (weight @ channels).view(self.members, self.outputs, *self.size)
