"""The residual network as a method."""

from __future__ import annotations

from typing import ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["ResNet"]


class ResNet(TrainedMethod):
    """A residual network from the zero-filled image to the reconstructed one (Ghodrati et al. 2019, QIMS 9:1516)."""

    name: ClassVar[str] = "resnet"
    title: ClassVar[str] = "ResNet"
    display_order: ClassVar[int] = 10

    numbers_per_channel: ClassVar[int] = 4
