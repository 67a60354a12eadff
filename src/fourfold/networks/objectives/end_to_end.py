"""Training of a whole reconstruction network, from k-space to the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from fourfold.networks.objectives.objective import Objective, TrainingBatch

if TYPE_CHECKING:
    from fourfold.networks.network import Network

__all__ = ["EndToEnd"]


class EndToEnd(Objective):
    """All weights at once, on the loss between the network's image and the reference, or held-out samples."""

    kind: ClassVar[str] = "all"

    def stage_name(self, part: int) -> str:  # noqa: ARG002  # part of the interface
        """Return ``end-to-end``."""
        return "end-to-end"

    def losses(
        self,
        network: Network,
        part: int,  # noqa: ARG002  # part of the interface
        batch: TrainingBatch,
        generator: torch.Generator,  # noqa: ARG002  # part of the interface
    ) -> dict[str, Tensor]:
        """Return the losses of the network's images."""
        return batch.losses(network(*batch.network_input(network.estimates_maps)))

    def scores(self, network: Network, part: int, batch: TrainingBatch) -> Mapping[str, Sequence[float]]:  # noqa: ARG002
        """Return the metrics of the network's images."""
        return batch.scores(network(*batch.network_input(network.estimates_maps)))
