"""VarNet as a method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["VarNet"]


class VarNet(TrainedMethod):
    """Unrolled gradient steps, regularised by U-Nets (Hammernik et al. 2018; Sriram et al. 2020, arXiv:2004.06688)."""

    name: ClassVar[str] = "varnet"
    title: ClassVar[str] = "VarNet"
    display_order: ClassVar[int] = 30

    numbers_per_channel: ClassVar[int] = 8
    numbers_per_coil: ClassVar[int] = 4

    @classmethod
    def numbers(cls, settings: Mapping[str, Any], coils: int) -> int:
        """Return the numbers of the regularisers and of the sensitivity network, which has channels for every coil."""
        sensitivity = cls.numbers_per_channel * settings["sensitivity_channels"] * coils
        return super().numbers(settings, coils) + int(sensitivity)
