"""The U-Net as a method."""

from __future__ import annotations

from typing import ClassVar

from fourfold.methods.trained.trained_method import TrainedMethod

__all__ = ["UNet"]


class UNet(TrainedMethod):
    """A U-Net from the zero-filled image to the reconstructed one (Zbontar et al. 2018, arXiv:1811.08839)."""

    name: ClassVar[str] = "unet"
    title: ClassVar[str] = "U-Net"
    display_order: ClassVar[int] = 0

    numbers_per_channel: ClassVar[int] = 8
