"""Calibration data of a scan, and the coil maps that methods work with."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.physics.espirit import Crop, espirit
from fourfold.scan import Scan, crop_centre

__all__ = ["calibration_kspace", "estimate_maps"]


def calibration_kspace(scan: Scan, minimum: int = 6, size: int | None = 24) -> Tensor:
    """Return the calibration k-space of a scan: acquired apart from it, or its fully sampled centre.

    Parameters
    ----------
    scan
        The acquisition.
    minimum
        Fewest samples along either axis that the caller can work with.
    size
        Most samples along either axis; the box is cut to it around the centre. 24 is BART's default: more lines
        make coil maps no better and cost time. None keeps everything.

    Returns
    -------
    Tensor
        complex64, (frame or 1, coil, ky, kx), centred.

    Raises
    ------
    InputError
        When there are fewer than `minimum` calibration lines.
    """
    found = scan.calibration
    if found is None:
        found = crop_centre(scan.kspace, scan.sampling.calibration)
    lines = min(found.shape[-2:])
    if lines < minimum:
        raise InputError(
            f"The scan has {lines} fully sampled calibration lines around the k-space centre; this needs at least "
            f"{minimum}: give coil_maps, or choose a method that needs no calibration."
        )
    return found if size is None else crop_centre(found, (size, size))


@torch.no_grad()
def estimate_maps(scan: Scan, sets: int = 1, kernel: int = 6, crop: Crop = "auto") -> Tensor:
    """Return the coil maps of a scan: those it carries, ones for a single coil, otherwise ESPIRiT's.

    Parameters
    ----------
    scan
        The acquisition.
    sets
        Sets of maps to estimate; more than one where the object folds over in the full field of view.
    kernel, crop
        As in `fourfold.physics.espirit.espirit`.

    Returns
    -------
    Tensor
        complex64, (frame or 1, set, coil, y, x).

    Raises
    ------
    InputError
        When there are no calibration lines to estimate the maps from.
    """
    if scan.coil_maps is not None:
        return scan.coil_maps
    if scan.coils == 1:
        return scan.kspace.new_ones((1, 1, 1, *scan.shape))
    calibration = calibration_kspace(scan, minimum=kernel)
    noise_variance = None if scan.noise is None else float(scan.noise.abs().square().mean())
    return espirit(calibration, scan.shape, sets, kernel, crop=crop, noise_variance=noise_variance).maps
