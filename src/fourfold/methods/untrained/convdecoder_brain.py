"""ConvDecoder with coil maps, at the sizes of its authors' demonstration."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, PositiveInt

from fourfold.methods.untrained.conv_decoder import ConvDecoder
from fourfold.methods.untrained.convdecoder_knee import PublishedFit

__all__ = ["ConvDecoderBrain"]


class ConvDecoderBrain(PublishedFit, ConvDecoder):
    """ConvDecoder fitted through coil maps, which its authors found best for brains: slow (Darestani & Heckel 2021).

    IEEE TCI 7:724. 7 layers of 256 channels, the sizes of the authors' demonstration, and otherwise as for knees.
    """

    name: ClassVar[str] = "convdecoder-brain"
    title: ClassVar[str] = "ConvDecoder (brain, as published)"
    display_order: ClassVar[int] = 41

    channels: PositiveInt = 256
    """Channels of every layer."""
    layers: Annotated[int, Field(ge=2)] = 7
    """Convolutions; all but the last follow an enlargement."""
