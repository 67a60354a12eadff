"""The cascade: convolutional sub-networks alternating with data consistency."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import NonNegativeFloat
from torch import Tensor, nn

from fourfold.kspace.data_consistency import DataConsistency
from fourfold.networks.layers.channels import as_channels, as_complex
from fourfold.networks.layers.conv_stack import ConvStack
from fourfold.networks.objectives.end_to_end import EndToEnd
from fourfold.networks.objectives.objective import Objective
from fourfold.networks.objectives.subnetworks import Subnetworks
from fourfold.networks.reconstructor import Reconstructor, require_maps, zero_filled
from fourfold.networks.untrained.sizes import Channels, Count, Seed

__all__ = ["Cascade"]


class Cascade(Reconstructor):
    """Residual sub-networks, each followed by data consistency (Dar & Çukur 2017, Eqs. 6–9; Schlemper 2018).

    Five sub-networks of four 64-channel convolutions and an output layer have 565,770 parameters. The paper's output
    layer gives a magnitude. Here it gives two channels, because data consistency needs the phase of measured images.
    With several coils, data consistency is applied coil by coil: x ↦ Σ conj(S) f_DC(S x).

    Parameters
    ----------
    subnetworks
        Number of sub-networks.
    channels, layers
        Of each sub-network, as in `fourfold.networks.layers.conv_stack.ConvStack`.
    consistency_weight
        λ of data consistency (Eq. 6); None is the infinite λ of the paper, which restores the measured samples.
    learned_consistency
        Whether each finite λ is learned.
    seed
        Seed of the initial weights.
    """

    name: ClassVar[str] = "cascade"

    def __init__(
        self,
        subnetworks: Count = 5,
        channels: Channels = 64,
        layers: Count = 4,
        consistency_weight: NonNegativeFloat | None = None,
        learned_consistency: bool = False,
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        self.subnetworks = nn.ModuleList(
            ConvStack(2, 2, channels, layers, seed + index) for index in range(subnetworks)
        )
        weight = math.inf if consistency_weight is None else consistency_weight
        self.consistency = nn.ModuleList(DataConsistency(weight, learned_consistency) for _ in range(subnetworks))

    @classmethod
    def objectives(cls, settings: Mapping[str, Any]) -> tuple[type[Objective], ...]:  # noqa: ARG003  # part of the interface
        """Return end to end, and one sub-network after another."""
        return (EndToEnd, Subnetworks)

    def refined(self, image: Tensor, stage: int) -> Tensor:
        """Return C_p(x): the output of sub-network `stage` for images (frame, y, x), without data consistency."""
        return image + as_complex(self.subnetworks[stage](as_channels(image)))

    def stage_input(self, stage: int, kspace: Tensor, mask: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return x_ip of Eq. 9: the input images (frame, y, x) of sub-network `stage`.

        Training stage by stage (Eq. 10) minimises a loss of ``refined(stage_input(p, …), p)``.

        Parameters
        ----------
        stage
            From 0, the zero-filled images, to the number of sub-networks, the cascade's result.
        kspace, mask, maps
            As in `forward`.
        """
        maps = require_maps(kspace, maps)
        image = zero_filled(kspace, maps)
        for index in range(stage):
            coil_images = maps * self.refined(image, index)[:, None]
            image = (maps.conj() * self.consistency[index](coil_images, kspace, mask)).sum(dim=1)
        return image

    def forward(
        self,
        kspace: Tensor,
        mask: Tensor,
        maps: Tensor | None = None,
        calibration: Tensor | None = None,  # noqa: ARG002  # part of the interface
    ) -> Tensor:
        """Return the reconstructed images; see `fourfold.networks.reconstructor.Reconstructor.forward`."""
        return self.stage_input(len(self.subnetworks), kspace, mask, maps)
