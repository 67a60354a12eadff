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

    @staticmethod
    def numbers(settings: Mapping[str, Any], coils: int) -> int:
        """Return roughly how many real numbers a pixel of a frame the network holds at once."""
        return int(8 * (settings["channels"] + settings["sensitivity_channels"] * coils) + 4 * coils)
