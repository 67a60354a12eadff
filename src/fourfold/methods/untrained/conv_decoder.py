"""ConvDecoder as a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from fourfold.methods.untrained.untrained_method import UntrainedMethod
from fourfold.networks.untrained.conv_decoder import ConvDecoder as Network

__all__ = ["ConvDecoder"]


class ConvDecoder(UntrainedMethod):
    """Fits convolutional decoders, which nobody trained, to the measured samples (Darestani & Heckel 2021).

    IEEE TCI 7:724. Convolutions between enlargements make images with structure at all scales sooner than noise.
    """

    name: ClassVar[str] = "convdecoder"
    title: ClassVar[str] = "ConvDecoder"
    display_order: ClassVar[int] = 30

    channels: PositiveInt = 64
    """Channels of every layer."""
    layers: Annotated[int, Field(ge=2)] = 8
    """Convolutions; all but the last follow an enlargement."""
    input_size: tuple[PositiveInt, PositiveInt] = (16, 16)
    """Size (ny, nx) of the fixed random input."""
    tapered: bool = False
    """Give the last three layers, which take most of the time, 3/4, 1/2 and 1/4 of the channels, at least 16."""

    def network(self, seeds: Sequence[int], outputs: int, size: tuple[int, int]) -> Network:
        """Return the networks, one for each seed, that make `outputs` real images of `size`."""
        return Network(seeds, outputs, size, self.channels, self.layers, self.input_size, self.tapered)
