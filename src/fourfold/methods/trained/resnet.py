"""The residual network as a method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["ResNet"]


class ResNet(TrainedMethod):
    """A residual network from the zero-filled image to the reconstructed one (Ghodrati et al. 2019, QIMS 9:1516)."""

    name: ClassVar[str] = "resnet"
    title: ClassVar[str] = "ResNet"
    display_order: ClassVar[int] = 10

    @staticmethod
    def numbers(settings: Mapping[str, Any], coils: int) -> int:  # noqa: ARG004  # one image for all
        """Return roughly how many real numbers a pixel of a frame the network holds at once."""
        return int(4 * settings["channels"])
