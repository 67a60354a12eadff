"""Deep Decoder as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from fourfold.methods.untrained.untrained_method import UntrainedMethod
from fourfold.networks.untrained.deep_decoder import DeepDecoder as Network

__all__ = ["DeepDecoder"]


class DeepDecoder(UntrainedMethod):
    """Fits decoders without any convolution wider than a pixel (Heckel & Hand 2019, ICLR; Arora et al. 2020, ISMRM).

    All mixing of neighbours is left to bilinear enlargement: smooth images, few parameters.
    """

    name: ClassVar[str] = "deep-decoder"
    title: ClassVar[str] = "Deep Decoder"
    display_order: ClassVar[int] = 10

    channels: PositiveInt = 128
    """Channels of every layer; 368 as published for 15 coils (1.37 million parameters)."""
    layers: Annotated[int, Field(ge=2)] = 8
    """1×1 convolutions; an enlargement follows all but the last; 10 as published."""
    input_size: tuple[PositiveInt, PositiveInt] = (16, 16)
    """Size (ny, nx) of the fixed random input."""

    def network(self, seeds: Sequence[int], outputs: int, size: tuple[int, int]) -> Network:
        """Return the networks, one for each seed, that make `outputs` real images of `size`."""
        return Network(seeds, outputs, size, self.channels, self.layers, self.input_size)
