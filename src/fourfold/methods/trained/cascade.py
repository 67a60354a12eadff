"""The cascade as a method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["Cascade"]


class Cascade(TrainedMethod):
    """Convolutional sub-networks and data consistency in turn (Dar & Çukur 2017; Schlemper 2018, IEEE TMI 37:491)."""

    name: ClassVar[str] = "cascade"
    title: ClassVar[str] = "Cascade"
    display_order: ClassVar[int] = 20

    @staticmethod
    def numbers(settings: Mapping[str, Any], coils: int) -> int:
        """Return roughly how many real numbers a pixel of a frame the network holds at once."""
        return int(3 * settings["channels"] + 4 * coils)
