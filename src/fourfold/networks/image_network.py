"""Networks from the zero-filled image to the reconstructed one: U-Net and ResNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fourfold.kspace.data_consistency import DataConsistency
from fourfold.networks.layers.channels import as_channels, as_complex
from fourfold.networks.reconstructor import Reconstructor, require_maps, zero_filled
from fourfold.networks.resnet import ResNet
from fourfold.networks.unet import Pooling, UNet
from fourfold.networks.untrained.sizes import Channels, Count, Pools, Seed

__all__ = ["ImageNetwork", "ResNetReconstructor", "UNetReconstructor"]


class ImageNetwork(Reconstructor):
    """A real-valued network that maps the zero-filled, coil-combined image to the reconstructed one.

    The image is normalised, so that the network does not depend on the scale of the data. Two channels are divided by
    their root-mean-square; a magnitude is normalised to mean 0 and standard deviation 1, as in fastMRI's baseline.

    Parameters
    ----------
    network
        Maps real (frame, channel, y, x) to the same shape, with two channels or one.
    complex
        Use two channels, real and imaginary part. Otherwise the network maps magnitudes, as in Zbontar et al. 2018 and
        Ghodrati et al. 2019, and the result has the phase of the zero-filled image.
    residual
        Add the network's output to its input.
    consistency
        Restore the measured samples at the end.
    """

    def __init__(
        self,
        network: nn.Module,
        complex: bool = True,  # noqa: A002  # the setting's name
        residual: bool = True,
        consistency: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.complex, self.residual = complex, residual
        self.consistency = DataConsistency() if consistency else None

    @classmethod
    def learns_phase(cls, settings: Mapping[str, Any]) -> bool:
        """Return whether the network has two channels."""
        return bool(settings["complex"])

    def forward(
        self,
        kspace: Tensor,
        mask: Tensor,
        maps: Tensor | None = None,
        calibration: Tensor | None = None,  # noqa: ARG002  # part of the interface
    ) -> Tensor:
        """Return the reconstructed images; see `fourfold.networks.reconstructor.Reconstructor.forward`."""
        maps = require_maps(kspace, maps)
        image = zero_filled(kspace, maps)
        if self.complex:
            image = as_complex(self.refined_channels(as_channels(image)))
        else:
            image = self.refined_magnitude(image.abs()) * torch.sgn(image)
        if self.consistency is None:
            return image
        coil_images = self.consistency(maps * image[:, None], kspace, mask)
        return (maps.conj() * coil_images).sum(dim=1)

    def refined_channels(self, x: Tensor) -> Tensor:
        """Return the network's result for real and imaginary part, (frame, 2, y, x)."""
        scale = x.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(torch.finfo(x.dtype).tiny)
        return self._applied(x / scale) * scale

    def refined_magnitude(self, magnitude: Tensor) -> Tensor:
        """Return the network's result for magnitudes (frame, y, x)."""
        x = magnitude[:, None]
        deviation, mean = torch.std_mean(x, dim=(2, 3), keepdim=True)
        deviation = deviation.clamp_min(torch.finfo(x.dtype).tiny)
        return (self._applied((x - mean) / deviation) * deviation + mean)[:, 0]

    def _applied(self, x: Tensor) -> Tensor:
        y: Tensor = self.network(x)
        return x + y if self.residual else y


class UNetReconstructor(ImageNetwork):
    """An `ImageNetwork` with a `fourfold.networks.unet.UNet`; see both for the parameters."""

    name: ClassVar[str] = "unet"

    def __init__(
        self,
        channels: Channels = 32,
        pools: Pools = 4,
        pooling: Pooling = "average",
        complex: bool = True,  # noqa: A002  # the setting's name
        residual: bool = True,
        consistency: bool = False,
        seed: Seed = 0,
    ) -> None:
        parts = 2 if complex else 1
        super().__init__(UNet(parts, parts, channels, pools, pooling, seed=seed), complex, residual, consistency)


class ResNetReconstructor(ImageNetwork):
    """An `ImageNetwork` with a `fourfold.networks.resnet.ResNet`; see both for the parameters."""

    name: ClassVar[str] = "resnet"

    def __init__(
        self,
        blocks: Count = 4,
        channels: Channels = 32,
        complex: bool = True,  # noqa: A002  # the setting's name
        residual: bool = True,
        consistency: bool = False,
        seed: Seed = 0,
    ) -> None:
        parts = 2 if complex else 1
        super().__init__(ResNet(parts, parts, blocks, channels, seed), complex, residual, consistency)
