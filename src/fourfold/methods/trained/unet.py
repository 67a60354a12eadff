"""The U-Net as a method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["UNet"]


class UNet(TrainedMethod):
    """A U-Net from the zero-filled image to the reconstructed one (Zbontar et al. 2018, arXiv:1811.08839)."""

    name: ClassVar[str] = "unet"
    title: ClassVar[str] = "U-Net"
    display_order: ClassVar[int] = 0

    @staticmethod
    def numbers(settings: Mapping[str, Any], coils: int) -> int:  # noqa: ARG004  # one image for all
        """Return roughly how many real numbers a pixel of a frame the network holds at once."""
        return int(8 * settings["channels"])
