"""The network from k-space to the image as a method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["KspaceCnn"]


class KspaceCnn(TrainedMethod):
    """Convolutions from k-space to the image without a Fourier transform: the naive approach, to compare with."""

    name: ClassVar[str] = "kspace-cnn"
    title: ClassVar[str] = "k-space CNN"
    display_order: ClassVar[int] = 40

    @staticmethod
    def numbers(settings: Mapping[str, Any], coils: int) -> int:
        """Return roughly how many real numbers a pixel of a frame the network holds at once."""
        return int(3 * settings["channels"] * coils)
