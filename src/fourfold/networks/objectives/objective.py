"""What an objective is: a loss of a network for a batch of examples, and the weights that it trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

if TYPE_CHECKING:
    from fourfold.networks.network import Network

__all__ = ["NetworkInput", "Objective", "TrainingBatch"]


class NetworkInput(NamedTuple):
    """The input of a network for a batch; see `fourfold.networks.reconstructor.Reconstructor.forward`."""

    kspace: Tensor
    mask: Tensor
    maps: Tensor | None
    calibration: Tensor | None


class TrainingBatch(Protocol):
    """A batch of examples, and how an image of them is judged by the settings of the training."""

    def network_input(self, estimates_maps: bool) -> NetworkInput:
        """Return the network's input, without coil maps where the network estimates them."""

    def reference(self) -> Tensor:
        """Return the fully sampled images (frame, y, x); raises InputError where there are none."""

    def losses(self, images: Tensor) -> dict[str, Tensor]:
        """Return the terms of the loss, scalars by name, of images (frame, y, x)."""

    def scores(self, images: Tensor) -> Mapping[str, Sequence[float]]:
        """Return the validation scores of each image, by name."""


class Objective(BaseModel, ABC):
    """What a stage of a training minimises. Its fields are settings of the stage, after the `kind`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    kind: ClassVar[str]
    """Name in settings."""
    compares_images: ClassVar[bool] = True
    """Whether it compares images by the `losses` and `metrics` of the training. Others have their own."""
    needs_reference: ClassVar[bool] = False
    """Whether every example needs a fully sampled reference."""
    own_scores: ClassVar[tuple[str, ...]] = ()
    """Names of its own validation scores, errors; the first one decides which weights are best."""

    def parts(self, network: Network) -> int:  # noqa: ARG002  # for subclasses
        """Return the number of parts of the network that are trained one after another, a stage each."""
        return 1

    def stage_name(self, part: int) -> str:  # noqa: ARG002  # for subclasses
        """Return the name of the stage that trains a part, without its number."""
        return self.kind

    def trained_part(self, network: Network, part: int) -> nn.Module:  # noqa: ARG002  # for subclasses
        """Return the module whose weights are trained."""
        return network

    @abstractmethod
    def losses(
        self, network: Network, part: int, batch: TrainingBatch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the terms of the loss, scalars by name.

        Parameters
        ----------
        network
            The network, with its gradients.
        part
            Number of the part that is trained, from 0.
        batch
            The examples.
        generator
            Random numbers of this step, on the CPU.
        """

    @abstractmethod
    def scores(self, network: Network, part: int, batch: TrainingBatch) -> Mapping[str, Sequence[float]]:
        """Return the validation scores of each example, by name; called without gradients."""

    def measurements(self, network: Network, batches: Iterable[TrainingBatch]) -> dict[str, Any]:  # noqa: ARG002
        """Return what the manifest states of the trained network beside its scores, as JSON types.

        Parameters
        ----------
        network
            In evaluation mode.
        batches
            The validation examples, one each.
        """
        return {}
