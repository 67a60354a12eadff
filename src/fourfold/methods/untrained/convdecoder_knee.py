"""ConvDecoder as it was published for knees."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from fourfold.methods.method_settings import MethodSettings
from fourfold.methods.model_based import Weight
from fourfold.methods.untrained.conv_decoder import ConvDecoder
from fourfold.methods.untrained.fitting.fit import Optimiser
from fourfold.methods.untrained.untrained_method import CoilMapMethod

__all__ = ["ConvDecoderKnee", "PublishedFit"]


class PublishedFit(MethodSettings):
    """The settings of the published fit (Darestani & Heckel 2021, IEEE TCI 7:724), for knees and brains alike."""

    weight: Weight = 0.0
    """Weight of total variation beside the samples; the published method has none."""
    proximity_weight: NonNegativeFloat | None = None
    """Weight of the distance to the mean of the members in the last step, which solves for an image that explains the
    samples, with total variation; none: samples are put back into each member and nothing more, as published."""
    iterations: PositiveInt = 20000
    """At most so many iterations for each member."""
    optimiser: Optimiser = "adam"
    """muon: orthogonalised momentum, which fits detail sooner; adam: as published."""
    learning_rate: PositiveFloat = 0.008
    """Learning rate."""
    image_averaging: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the old mean in the running mean of the images over the iterations; 0 takes the last image."""
    input_size: tuple[PositiveInt, PositiveInt] = (8, 4)
    """Size (ny, nx) of the fixed random input."""


class ConvDecoderKnee(PublishedFit, ConvDecoder):
    """ConvDecoder with the sizes and the fit of the published knees: slow (Darestani & Heckel 2021, IEEE TCI 7:724).

    8 layers of 160 channels, 1.85 million parameters for 15 coils, an image for each coil without maps, Adam on plain
    squared errors for 20,000 iterations. Scale and stopping come from the measured samples, as in all our methods.
    """

    name: ClassVar[str] = "convdecoder-knee"
    title: ClassVar[str] = "ConvDecoder (knee, as published)"
    display_order: ClassVar[int] = 40

    coil_map_method: CoilMapMethod = "none"  # type: ignore[assignment]  # one choice more
    """How to estimate the coil maps that multiply the network's image, as other methods do; none: an image for each
    coil instead, without any maps."""
    channels: PositiveInt = 160
    """Channels of every layer."""
