"""One acquisition as measured, and what of it is known beside the measured samples."""

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
    """What the scanner measured, and what only the maker of examples knows.

    Attributes
    ----------
    measured
        The undersampled scan of one frame, all that a method may see.
    full
        complex64, (coil, ky, kx): the fully sampled k-space of raw data; None where there is none.
    image, true_maps
        complex64, (y, x) and (coil, y, x): what a simulation started from, without noise; None of raw data.
    """

    measured: Scan
    full: Tensor | None = None
    image: Tensor | None = None
    true_maps: Tensor | None = None

    def maps(self, settings: DataSettings) -> Tensor | None:
        """Return the coil maps (coil, y, x) that an example gets."""
        if self.measured.coils == 1:
            return torch.ones_like(self.measured.kspace[0])
        if settings.maps == "none":
            return None
        if settings.maps == "true":
            return self.true_maps
        return estimate_maps(self.measured, crop=settings.coil_map_threshold)[0, 0]

    def reference(self, settings: DataSettings, maps: Tensor | None) -> Tensor | None:
        """Return the reference (y, x) in the unit of the measured data; None where nobody knows it.

        Parameters
        ----------
        settings
            Whether it is complex.
        maps
            The coil maps that the example has, whose phase a complex reference goes with.
        """
        if self.image is not None and self.true_maps is not None:
            return self._simulated_reference(self.image, self.true_maps, settings, maps)
        if self.full is None:
            return None
        coil_images = ifft(self.full)
        if settings.reference == "rss" or maps is None:
            return root_sum_of_squares(coil_images)
        return matched_combination(coil_images, maps)

    @staticmethod
    def _simulated_reference(image: Tensor, true_maps: Tensor, settings: DataSettings, maps: Tensor | None) -> Tensor:
        if settings.reference == "rss" or maps is None:
            return image.abs()
        if maps is true_maps or len(maps) == 1:
            return image
        # Estimated maps leave another phase to the image than the true ones do; its magnitude is the truth's.
        combined = (maps.conj() * true_maps).sum(dim=0) * image
        return torch.polar(image.abs(), combined.angle())
