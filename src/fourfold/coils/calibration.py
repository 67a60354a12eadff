"""Calibration data of a scan, and the coil maps that methods work with."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from fourfold.coils.calibration_size import FEWEST, MOST, calibration_size
from fourfold.coils.espirit import Crop, Sets, espirit
from fourfold.coils.low_resolution import low_resolution_images
from fourfold.coils.walsh import walsh
from fourfold.errors import InputError
from fourfold.operators.gridding import gridded_centre
from fourfold.scan import Scan, crop_centre

__all__ = ["Approach", "central_calibration", "estimate_maps"]

Approach: TypeAlias = Literal["espirit", "walsh"]

# Fewer lines leave a low-resolution image without any detail to tell the coils apart by.
_WALSH_LINES = 4
_FEWEST_GRIDDED = 16


def central_calibration(scan: Scan, minimum: int = FEWEST, size: int | None = MOST) -> Tensor:
    """Return the calibration k-space of a scan: acquired apart from it, or its fully sampled centre.

    With a trajectory it is the centre brought onto the grid (`fourfold.operators.gridding.gridded_centre`).

    Parameters
    ----------
    scan
        The acquisition.
    minimum
        Fewest samples along either axis that the caller can work with.
    size
        Most samples along either axis; the box is cut to it around the centre. 24 is BART's default: more lines
        make coil maps no better and cost time. None keeps everything, with a trajectory 24.

    Returns
    -------
    Tensor
        complex64, (frame or 1, coil, ky, kx), centred.

    Raises
    ------
    InputError
        When there are fewer than `minimum` calibration lines.
    """
    if scan.calibration_kspace is None and scan.trajectory is not None:
        return _gridded(scan, minimum, size or MOST)
    found = scan.calibration_kspace
    if found is None:
        found = crop_centre(scan.kspace, scan.sampling.acs_shape)
    lines = calibration_size(scan)
    if lines < minimum:
        raise InputError(
            f"The scan has {lines} fully sampled calibration lines around the k-space centre; this needs at least "
            f"{minimum}: give coil_maps, or choose a method that needs no calibration."
        )
    return found if size is None else crop_centre(found, (size, size))


def _gridded(scan: Scan, minimum: int, size: int) -> Tensor:
    dense = calibration_size(scan, size)
    if dense < minimum:
        raise InputError(
            f"The trajectory samples k-space densely in {dense}×{dense} points around the centre; this needs at least "
            f"{minimum}: give coil_maps or calibration data, or choose a method that needs none."
        )
    # Beyond the dense centre the box is less and less true, but ESPIRiT's patches need room: spokes and spirals of
    # many spacings gave the best maps with twice its width, and 16 at least.
    return gridded_centre(scan, min(size, max(2 * dense, _FEWEST_GRIDDED)))


@torch.no_grad()
def estimate_maps(
    scan: Scan, sets: Sets = 1, kernel: int = 6, crop: Crop = "auto", approach: Approach = "espirit"
) -> Tensor:
    """Return the coil maps of a scan: those it carries, ones for a single coil, otherwise estimated ones.

    Parameters
    ----------
    scan
        The acquisition.
    sets
        Sets of maps to estimate; more than one where the object folds over in the full field of view, which
        ``"auto"`` finds out.
    kernel, crop
        As in `fourfold.coils.espirit.espirit`; with a trajectory ``"auto"`` keeps every pixel.
    approach
        ``"espirit"``, or ``"walsh"`` for adaptive combination of the low-resolution images
        (`fourfold.coils.walsh.walsh`): for fewer calibration lines than a kernel has. It gives one set, uncropped.

    Returns
    -------
    Tensor
        complex64, (frame or 1, set, coil, y, x).

    Raises
    ------
    InputError
        When there are too few calibration lines to estimate the maps from.
    """
    if scan.coil_maps is not None:
        return scan.coil_maps
    if scan.coils == 1:
        return scan.kspace.new_ones((1, 1, 1, *scan.shape))
    if approach == "walsh":
        if sets not in (1, "auto"):
            raise InputError(f"{sets} sets of coil maps were asked for; Walsh's method gives one: choose ESPIRiT.")
        calibration = central_calibration(scan, minimum=_WALSH_LINES)
        return walsh(low_resolution_images(calibration, scan.shape))
    calibration = central_calibration(scan, minimum=kernel)
    if scan.trajectory is not None and scan.calibration_kspace is None:
        # Samples that were brought onto the grid have no noise of known variance, and gaps between shots lower the
        # eigenvalues within the object: an automatic crop would cut it.
        return espirit(calibration, scan.shape, sets, kernel, crop=0.0 if crop == "auto" else crop).maps
    noise_variance = None if scan.noise is None else float(scan.noise.abs().square().mean())
    return espirit(calibration, scan.shape, sets, kernel, crop=crop, noise_variance=noise_variance).maps
