"""A U-Net on complex images that takes twice as much off an image that is twice as bright."""

from __future__ import annotations

from torch import Tensor, nn

from fourfold.networks.channels import as_channels, as_complex
from fourfold.networks.unet import UNet

__all__ = ["HomogeneousUNet"]


class HomogeneousUNet(nn.Module):
    """A U-Net without norm and bias on real and imaginary part, see `fourfold.networks.unet.UNet`.

    Its result follows the scale of the data by itself, so that no image is brought to another one.

    Parameters
    ----------
    channels, pools, seed
        As in `fourfold.networks.unet.UNet`.
    """

    def __init__(self, channels: int = 18, pools: int = 4, seed: int = 0) -> None:
        super().__init__()
        self.unet = UNet(2, 2, channels, pools, homogeneous=True, seed=seed)

    def forward(self, images: Tensor) -> Tensor:
        """Return complex images (frame, y, x) for complex images (frame, y, x)."""
        return as_complex(self.unet(as_channels(images)))
