"""The cascade as a method."""

from __future__ import annotations

from typing import ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["Cascade"]


class Cascade(TrainedMethod):
    """Convolutional sub-networks and data consistency in turn (Dar & Çukur 2017; Schlemper 2018, IEEE TMI 37:491)."""

    name: ClassVar[str] = "cascade"
    title: ClassVar[str] = "Cascade"
    display_order: ClassVar[int] = 20

    numbers_per_channel: ClassVar[int] = 3
    numbers_per_coil: ClassVar[int] = 4
