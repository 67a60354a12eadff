"""Base class of trained reconstruction networks: from undersampled k-space to images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fourfold.errors import InputError
from fourfold.networks.network import Network
from fourfold.networks.objectives.end_to_end import EndToEnd
from fourfold.networks.objectives.objective import Objective
from fourfold.operators.fourier import ifft

__all__ = ["Reconstructor", "require_maps", "zero_filled"]


class Reconstructor(Network):
    """A network from undersampled k-space to images, with the same interface for training and inference."""

    @classmethod
    def objectives(cls, settings: Mapping[str, Any]) -> tuple[type[Objective], ...]:  # noqa: ARG003  # for subclasses
        """Return what a network with these settings can be trained by: end to end."""
        return (EndToEnd,)

    def test_output(self, kspace: Tensor, mask: Tensor) -> Tensor:
        """Return the reconstructed image."""
        image: Tensor = self(kspace, mask)
        return image

    def coil_maps(self, calibration: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the coil maps that the network estimates, complex64 (frame, coil, y, x).

        Parameters
        ----------
        calibration
            Calibration k-space, complex64, (frame, coil, cy, cx).
        shape
            Size (ny, nx) of the maps.

        Raises
        ------
        InputError
            For a network without sensitivity estimation.
        """
        size = f"{calibration.shape[1]} coils of {shape[0]}×{shape[1]} pixels"
        raise InputError(f"The network has no sensitivity estimation for {size}; give coil maps.")

    @abstractmethod
    def forward(
        self, kspace: Tensor, mask: Tensor, maps: Tensor | None = None, calibration: Tensor | None = None
    ) -> Tensor:
        """Return the reconstructed images, complex64 (frame, y, x), in the unit of the k-space.

        Parameters
        ----------
        kspace
            complex64, (frame, coil, ky, kx), zero where not acquired. Networks that depend on its scale expect it
            divided by `fourfold.kspace.intensity_scale.intensity_scale`.
        mask
            bool, (frame or 1, ky, kx).
        maps
            complex64, (frame or 1, coil, y, x), with Σ|S|² = 1 in the object; None for a single coil.
        calibration
            complex64, (frame or 1, coil, cy, cx), centred: the fully sampled calibration region, for networks that
            estimate coil maps (`estimates_maps`).

        Raises
        ------
        InputError
            For several coils without the maps or the calibration k-space that the network needs.
        """


def require_maps(kspace: Tensor, maps: Tensor | None) -> Tensor:
    """Return `maps`, or ones (1, 1, 1, 1) for a single coil; raises InputError for several coils without maps."""
    if maps is not None:
        return maps
    if kspace.shape[1] != 1:
        raise InputError(f"The k-space has {kspace.shape[1]} coils and no coil maps; give the maps.")
    return kspace.new_ones(1, 1, 1, 1)


def zero_filled(kspace: Tensor, maps: Tensor) -> Tensor:
    """Return the zero-filled images Σ conj(S) F⁻¹ y, complex64 (frame, y, x), of k-space (frame, coil, ky, kx)."""
    return (maps.conj() * ifft(kspace)).sum(dim=1)
