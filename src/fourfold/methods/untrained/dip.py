"""Deep Image Prior as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import PositiveInt

from fourfold.methods.untrained.untrained_method import UntrainedMethod
from fourfold.networks.untrained.deep_image_prior import DeepImagePrior, most_scales

__all__ = ["Dip"]


class Dip(UntrainedMethod):
    """Fits encoder–decoders with skip connections, the Deep Image Prior (Ulyanov, Vedaldi & Lempitsky 2018, CVPR)."""

    name: ClassVar[str] = "dip"
    title: ClassVar[str] = "Deep Image Prior"
    display_order: ClassVar[int] = 20

    channels: PositiveInt = 64
    """Channels of every scale and of the random input; 256 as published for 15 coils (31.6 million parameters)."""
    scales: PositiveInt = 5
    """How often the image is halved, as far as its size allows; 8 as published."""
    down: PositiveInt = 3
    """Width of the encoder's kernels, odd; 5 as published."""
    up: PositiveInt = 3
    """Width of the decoder's kernels, odd."""
    skip: PositiveInt = 4
    """Channels of each skip connection."""

    def network(self, seeds: Sequence[int], outputs: int, size: tuple[int, int]) -> DeepImagePrior:
        """Return the networks, one for each seed, that make `outputs` real images of `size`."""
        scales = min(self.scales, most_scales(size))
        return DeepImagePrior(seeds, outputs, size, self.channels, scales, self.down, self.up, self.skip)
