"""What every network that is trained to reconstruct has in common: undersampled k-space in, images out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.operators.fourier import ifft

__all__ = ["Reconstructor", "require_maps", "zero_filled"]


class Reconstructor(nn.Module, ABC):
    """A network from undersampled k-space to images, called alike in training and in use."""

    @property
    def estimates_maps(self) -> bool:
        """Whether the network makes its own coil maps of the calibration k-space where no maps are given.

        Given maps would leave this part of it out: who trains or uses it gives the calibration k-space alone.
        """
        return False

    def coil_maps(self, calibration: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the network's own coil maps, complex64 (frame, coil, y, x) of `shape`, of the calibration k-space.

        Raises
        ------
        InputError
            For a network that makes none.
        """
        found = f"{calibration.shape[1]} coils of {shape[0]}×{shape[1]} pixels"
        raise InputError(f"The network has no sensitivity estimation for {found}; give coil maps.")

    @abstractmethod
    def forward(
        self, kspace: Tensor, mask: Tensor, maps: Tensor | None = None, calibration: Tensor | None = None
    ) -> Tensor:
        """Return the reconstructed images, complex64 (frame, y, x), in the unit of the k-space.

        Parameters
        ----------
        kspace
            complex64, (frame, coil, ky, kx), zero where nothing was acquired. Networks that see its scale expect it
            divided by `fourfold.kspace.intensity_scale.intensity_scale`.
        mask
            bool, (frame or 1, ky, kx).
        maps
            complex64, (frame or 1, coil, y, x), with Σ|S|² = 1 in the object; None for a single coil.
        calibration
            complex64, (frame or 1, coil, cy, cx), centred: the fully sampled calibration lines, for networks that
            estimate coil maps (`estimates_maps`).

        Raises
        ------
        InputError
            When several coils come without what the network combines them by.
        """


def require_maps(kspace: Tensor, maps: Tensor | None) -> Tensor:
    """Return coil maps (frame or 1, coil, y, x): those given, ones for a single coil; else raises InputError."""
    if maps is not None:
        return maps
    if kspace.shape[1] != 1:
        raise InputError(f"The k-space has {kspace.shape[1]} coils and no coil maps came with it; give the maps.")
    return kspace.new_ones(1, 1, 1, 1)


def zero_filled(kspace: Tensor, maps: Tensor) -> Tensor:
    """Return Σ conj(S) F⁻¹ y, complex64 (frame, y, x), of k-space (frame, coil, ky, kx)."""
    return (maps.conj() * ifft(kspace)).sum(dim=1)
