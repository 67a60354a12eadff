"""The network from k-space to the image as a method."""

from __future__ import annotations

from typing import ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["KspaceCnn"]


class KspaceCnn(TrainedMethod):
    """Convolutions from k-space to the image without a Fourier transform: the naive approach, to compare with."""

    name: ClassVar[str] = "kspace-cnn"
    title: ClassVar[str] = "k-space CNN"
    display_order: ClassVar[int] = 40

    numbers_per_coil_channel: ClassVar[int] = 3
