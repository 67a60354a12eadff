"""The calibration k-space of a scan, and the coil maps estimated from it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from fourfold.coils.calibration_size import FEWEST, MOST, calibration_size
from fourfold.coils.espirit import Sets, Threshold, espirit
from fourfold.coils.low_resolution import low_resolution_images
from fourfold.coils.walsh import walsh
from fourfold.errors import InputError
from fourfold.operators.gridding import gridded_centre
from fourfold.scan import Scan, crop_centre

__all__ = ["Algorithm", "central_calibration", "estimate_maps"]

Algorithm: TypeAlias = Literal["espirit", "walsh"]

# The low-resolution images of fewer lines are too smooth for the coils' covariance.
_WALSH_LINES = 4
_FEWEST_GRIDDED = 16


def central_calibration(scan: Scan, minimum: int = FEWEST, size: int | None = MOST) -> Tensor:
    """Return the calibration k-space of a scan: separate calibration data, or its fully sampled centre.

    With a trajectory it is the gridded centre (`fourfold.operators.gridding.gridded_centre`).

    Parameters
    ----------
    scan
        The acquisition.
    minimum
        Fewest samples along either axis.
    size
        Largest size of the region along either axis, around the centre. 24 is BART's default: more lines do not improve
        coil maps and take longer. None keeps everything, or 24 with a trajectory.

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
    calibration = scan.calibration_kspace
    if calibration is None:
        calibration = crop_centre(scan.kspace, scan.sampling.acs_shape)
    lines = calibration_size(scan)
    if lines < minimum:
        raise InputError(
            f"The scan has {lines} fully sampled calibration lines around the k-space centre; this needs at least "
            f"{minimum}: give coil_maps, or choose a method that needs no calibration."
        )
    return calibration if size is None else crop_centre(calibration, (size, size))


def _gridded(scan: Scan, minimum: int, size: int) -> Tensor:
    dense = calibration_size(scan, size)
    if dense < minimum:
        raise InputError(
            f"The trajectory samples k-space densely in {dense}×{dense} points around the centre; this needs at least "
            f"{minimum}: give coil_maps or calibration data, or choose a method that needs none."
        )
    # Beyond the densely sampled centre, gridding is less accurate, but ESPIRiT needs enough patches. For spokes and
    # spirals of many spacings, maps were best with twice the dense width, at least 16.
    return gridded_centre(scan, min(size, max(2 * dense, _FEWEST_GRIDDED)))


@torch.no_grad()
def estimate_maps(
    scan: Scan, sets: Sets = 1, kernel_size: int = 6, threshold: Threshold = "auto", algorithm: Algorithm = "espirit"
) -> Tensor:
    """Return the coil maps of a scan: its own maps, ones for a single coil, or estimated maps.

    Parameters
    ----------
    scan
        The acquisition.
    sets
        Number of map sets. More than one is needed where the object folds over in the full field of view; ``"auto"``
        detects this.
    kernel_size, threshold
        As `kernel_size` and `eigenvalue_threshold` of `fourfold.coils.espirit.espirit`; with a trajectory ``"auto"``
        keeps every pixel.
    algorithm
        ``"espirit"``, or ``"walsh"`` for adaptive combination of the low-resolution images
        (`fourfold.coils.walsh.walsh`), which works with fewer calibration lines than a kernel needs. It gives one set,
        without a threshold.

    Returns
    -------
    Tensor
        complex64, (frame or 1, set, coil, y, x).

    Raises
    ------
    InputError
        When there are too few calibration lines.
    """
    if scan.coil_maps is not None:
        return scan.coil_maps
    if scan.coils == 1:
        return scan.kspace.new_ones((1, 1, 1, *scan.shape))
    if algorithm == "walsh":
        if sets not in (1, "auto"):
            raise InputError(
                f"{sets} sets of coil maps are not possible with Walsh's method, which gives one; choose ESPIRiT."
            )
        calibration = central_calibration(scan, minimum=_WALSH_LINES)
        return walsh(low_resolution_images(calibration, scan.shape))
    calibration = central_calibration(scan, minimum=kernel_size)
    if scan.trajectory is not None and scan.calibration_kspace is None:
        # The noise variance of gridded samples is unknown, and gaps between shots lower the eigenvalues within the
        # object, so that an automatic threshold would remove parts of it.
        return espirit(
            calibration, scan.shape, sets, kernel_size, eigenvalue_threshold=0.0 if threshold == "auto" else threshold
        ).maps
    noise_variance = None if scan.noise is None else float(scan.noise.abs().square().mean())
    return espirit(
        calibration, scan.shape, sets, kernel_size, eigenvalue_threshold=threshold, noise_variance=noise_variance
    ).maps
