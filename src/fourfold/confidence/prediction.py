"""The k-space of every coil that an image predicts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.coils.low_resolution import low_resolution_images
from fourfold.kspace.time_average import time_average
from fourfold.methods.coil_map_settings import CoilMapSettings
from fourfold.operators.fourier import fft
from fourfold.scan import Scan, crop_centre

__all__ = ["CoilPrediction"]

# Fewest calibration lines whose low-resolution image has a phase to speak of.
_FEWEST_LINES = 4
_MOST_LINES = 24


@dataclass(frozen=True, eq=False)
class CoilPrediction:
    """Multiplies images by coil maps, after giving them the phase that the calibration lines show.

    Attributes
    ----------
    maps
        complex64, (frame or 1, coil, y, x), of unit norm in every pixel.
    low_resolution
        complex64, (frame or 1, y, x): the calibration lines' image, combined by the maps; None where there are none.
    lines
        The calibration lines along ky and kx that make it.
    """

    maps: Tensor
    low_resolution: Tensor | None
    lines: tuple[int, int]

    @classmethod
    def of(cls, scan: Scan) -> CoilPrediction:
        """Return the prediction for a scan, whose maps are estimated unless it has some.

        Raises
        ------
        InputError
            When coil maps cannot be estimated.
        """
        calibrated = time_average(scan) if scan.frames > 1 else scan
        with_maps, _ = CoilMapSettings().with_coil_maps(calibrated, calibrated)
        maps = estimate_maps(with_maps, sets=1, threshold=0.0)[:, 0]
        calibration = central_calibration(calibrated, minimum=0, size=_MOST_LINES)
        lines = calibration.shape[-2], calibration.shape[-1]
        if min(lines) < _FEWEST_LINES:
            return cls(maps, None, lines)
        coils = low_resolution_images(calibration, scan.shape)
        return cls(maps, (maps.conj() * coils).sum(dim=1), lines)

    def aligned(self, image: Tensor) -> Tensor:
        """Return images, complex64 (frame, y, x), with the phase of the calibration lines' image at its resolution.

        Methods with coil maps of their own are free in the phase of the image, and some give magnitudes.
        """
        if self.low_resolution is None:
            return image
        centre = crop_centre(fft(image[:, None]), self.lines)
        low_resolution = low_resolution_images(centre, (image.shape[-2], image.shape[-1]))[:, 0]
        turn = self.low_resolution * low_resolution.conj()
        return image * torch.polar(torch.ones_like(turn.real), turn.angle())

    def kspace(self, image: Tensor, frame: int) -> Tensor:
        """Return the k-space (coil, ky, kx) that one image (y, x), aligned, of a `frame` predicts."""
        maps = self.maps[frame if len(self.maps) > 1 else 0]
        return fft(maps * image)
