"""One acquisition: the measured scan, and the ground truth where it is known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.coils.calibration import estimate_maps
from fourfold.coils.root_sum_of_squares import matched_combination, root_sum_of_squares
from fourfold.datasets.settings import DataSettings
from fourfold.operators.fourier import ifft
from fourfold.scan import Scan

__all__ = ["Acquisition"]


@dataclass(frozen=True, eq=False)
class Acquisition:
    """A measured scan and its ground truth.

    Attributes
    ----------
    measured
        The undersampled scan of one frame; the only input of a method.
    full
        complex64, (coil, ky, kx): the fully sampled k-space, with its noise; None where unknown.
    image, true_maps
        complex64, (y, x) and (coil, y, x): noise-free image and coil maps of a simulation; None for raw data.
    """

    measured: Scan
    full: Tensor | None = None
    image: Tensor | None = None
    true_maps: Tensor | None = None

    def maps(self, settings: DataSettings) -> Tensor | None:
        """Return the coil maps (coil, y, x) of the example; None for the setting 'none'."""
        if self.measured.coils == 1:
            return torch.ones_like(self.measured.kspace[0])
        if settings.maps == "none":
            return None
        if settings.maps == "true":
            return self.true_maps
        return estimate_maps(self.measured, threshold=settings.coil_map_threshold)[0, 0]

    def reference(self, settings: DataSettings, maps: Tensor | None) -> Tensor | None:
        """Return the reference image (y, x) in the unit of the measured data; None where it is unknown.

        Parameters
        ----------
        settings
            Decide between a complex reference and a magnitude.
        maps
            Coil maps of the example; a complex reference has the phase that belongs to them.
        """
        if self.image is not None and self.true_maps is not None and settings.reference != "measured":
            return self._simulated_reference(self.image, self.true_maps, settings, maps)
        if self.full is None:
            return None
        coil_images = ifft(self.full)
        if settings.reference != "image" or maps is None:
            return root_sum_of_squares(coil_images)
        return matched_combination(coil_images, maps)

    @staticmethod
    def _simulated_reference(image: Tensor, true_maps: Tensor, settings: DataSettings, maps: Tensor | None) -> Tensor:
        if settings.reference == "rss" or maps is None:
            return image.abs()
        if maps is true_maps or len(maps) == 1:
            return image
        # The image's phase depends on that of the maps; its magnitude does not.
        combined = (maps.conj() * true_maps).sum(dim=0) * image
        return torch.polar(image.abs(), combined.angle())
