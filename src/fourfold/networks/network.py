"""The base of all trained networks: what training, weights and export ask of any of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from fourfold.networks.objectives.objective import Objective

__all__ = ["Network"]


class Network(nn.Module, ABC):
    """A network that is trained, and whose weights are kept with a manifest.

    A subclass in a module of `fourfold.networks` with a `name` is found by it (`fourfold.networks.build`). The
    parameters of its constructor are the network's settings.
    """

    name: ClassVar[str]
    """Name in settings and manifests."""

    @classmethod
    @abstractmethod
    def objectives(cls, settings: Mapping[str, Any]) -> tuple[type[Objective], ...]:
        """Return what a network with these settings can be trained by, the default first."""

    @classmethod
    def learns_phase(cls, settings: Mapping[str, Any]) -> bool:  # noqa: ARG003  # for subclasses
        """Return whether the phase of the images of a network with these settings has a gradient."""
        return True

    @property
    def estimates_maps(self) -> bool:
        """Whether the network estimates coil maps from the calibration k-space when no maps are given.

        Such a network gets calibration k-space only: maps would bypass its sensitivity estimation.
        """
        return False

    @property
    def denoiser(self) -> nn.Module | None:
        """The part that maps images, complex64 (frame, y, x), and noise levels √E|n|², (frame,), to denoised images."""
        return None

    @abstractmethod
    def test_output(self, kspace: Tensor, mask: Tensor) -> Tensor:
        """Return an output for single-coil k-space, complex64 (1, 1, ky, kx), and mask, bool (1, ky, kx).

        A copy of the network is recognised by it (`fourfold.weights.reference_output`).
        """
