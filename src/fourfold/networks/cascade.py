"""The cascade: convolutional sub-networks with data consistency in between."""

from __future__ import annotations

import math

from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.networks.channels import as_channels, as_complex
from fourfold.networks.conv_stack import ConvStack
from fourfold.physics.consistency import DataConsistency
from fourfold.physics.encoding import CoilMaps
from fourfold.physics.fourier import ifft

__all__ = ["Cascade"]


class Cascade(nn.Module):
    """Residual sub-networks, each followed by data consistency (Dar & Çukur 2017, Eqs. 6–9; Schlemper 2018).

    Five sub-networks of four 64-channel convolutions and an output layer have 565,770 parameters. The paper's output
    layer gives a magnitude; here it gives two channels, because measured images have a phase that data consistency
    needs. With several coils the consistency is coil by coil, x ↦ Σ conj(S) f_DC(S x).

    Parameters
    ----------
    subnetworks
        How many.
    channels, layers
        Of each, as in `fourfold.networks.conv_stack.ConvStack`.
    weight
        λ of the data consistency (Eq. 6); infinite, as in the paper, puts the measured samples back unchanged.
    learned
        Learn each finite λ.
    seed
        Of the initial weights.
    """

    def __init__(
        self,
        subnetworks: int = 5,
        channels: int = 64,
        layers: int = 4,
        weight: float = math.inf,
        learned: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.subnetworks = nn.ModuleList(
            ConvStack(2, 2, channels, layers, seed + index) for index in range(subnetworks)
        )
        self.consistency = nn.ModuleList(DataConsistency(weight, learned) for _ in range(subnetworks))

    def refined(self, image: Tensor, stage: int) -> Tensor:
        """Return C_p(x): what sub-network `stage` (from 0) makes of images (frame, y, x), before data consistency."""
        return image + as_complex(self.subnetworks[stage](as_channels(image)))

    def stage_input(self, stage: int, kspace: Tensor, mask: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return x_ip of Eq. 9: the images (frame, y, x) that sub-network `stage` (from 0) gets.

        Stage by stage training (Eq. 10) minimises a loss of ``refined(stage_input(p, …), p)``.

        Parameters
        ----------
        stage
            From 0, for the zero-filled images, to the number of sub-networks, for the cascade's result.
        kspace, mask, maps
            As in `forward`.
        """
        if maps is None and kspace.shape[1] != 1:
            raise InputError(f"The k-space has {kspace.shape[1]} coils and no coil maps came with it; give the maps.")
        sense = CoilMaps(kspace.new_ones(1, 1, 1, 1, 1) if maps is None else maps[:, None])
        image = sense.adjoint(ifft(kspace))[:, 0]
        for index in range(stage):
            coil_images = sense.forward(self.refined(image, index)[:, None])
            image = sense.adjoint(self.consistency[index](coil_images, kspace, mask))[:, 0]
        return image

    def forward(self, kspace: Tensor, mask: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the reconstructed images, complex64 (frame, y, x).

        Parameters
        ----------
        kspace
            complex64, (frame, coil, ky, kx), zero where nothing was acquired.
        mask
            bool, (frame or 1, ky, kx).
        maps
            complex64, (frame or 1, coil, y, x), with Σ|S|² = 1 in the object; None for a single coil.

        Raises
        ------
        InputError
            For several coils without maps.
        """
        return self.stage_input(len(self.subnetworks), kspace, mask, maps)
