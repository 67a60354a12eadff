"""Training of a cascade's sub-networks one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.networks.objectives.objective import Objective, TrainingBatch

if TYPE_CHECKING:
    from fourfold.networks.network import Network

__all__ = ["Subnetworks"]


@runtime_checkable
class _Sequential(Protocol):
    """A network of sub-networks, each of which improves the image of the one before it."""

    subnetworks: nn.ModuleList

    def stage_input(self, stage: int, kspace: Tensor, mask: Tensor, maps: Tensor | None = None) -> Tensor: ...

    def refined(self, image: Tensor, stage: int) -> Tensor: ...


class Subnetworks(Objective):
    """Each sub-network alone, on the output of those before it (Dar & Çukur 2017, Eqs. 9 and 10)."""

    kind: ClassVar[str] = "subnetworks"

    def parts(self, network: Network) -> int:
        """Return the number of sub-networks."""
        return len(_sequential(network).subnetworks)

    def stage_name(self, part: int) -> str:
        """Return ``subnetwork-1`` and so on."""
        return f"subnetwork-{part + 1}"

    def trained_part(self, network: Network, part: int) -> nn.Module:
        """Return the sub-network."""
        return _sequential(network).subnetworks[part]

    def losses(
        self,
        network: Network,
        part: int,
        batch: TrainingBatch,
        generator: torch.Generator,  # noqa: ARG002  # part of the interface
    ) -> dict[str, Tensor]:
        """Return the losses of the sub-network's images, before data consistency (Eq. 10)."""
        cascade = _sequential(network)
        inputs = batch.network_input(network.estimates_maps)
        with torch.no_grad():
            image = cascade.stage_input(part, inputs.kspace, inputs.mask, inputs.maps)
        return batch.losses(cascade.refined(image, part))

    def scores(self, network: Network, part: int, batch: TrainingBatch) -> Mapping[str, Sequence[float]]:
        """Return the metrics of the images after the sub-network's data consistency."""
        inputs = batch.network_input(network.estimates_maps)
        return batch.scores(_sequential(network).stage_input(part + 1, inputs.kspace, inputs.mask, inputs.maps))


def _sequential(network: Network) -> _Sequential:
    if not isinstance(network, _Sequential):
        raise InputError(f"The network '{network.name}' has no sub-networks to train; choose 'train: all'.")
    return network
