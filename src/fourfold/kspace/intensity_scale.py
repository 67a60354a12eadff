"""The unit of intensity in which regularisation weights are given."""

from __future__ import annotations

import math

from torch import Tensor

from fourfold.coils.calibration_size import dense_centre
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.operators.fourier import ifft
from fourfold.operators.gridding import gridded_centre, gridded_images
from fourfold.scan import Scan, centre_slice, crop_centre

__all__ = ["intensity_scale"]

_MOST, _FEWEST = 24, 8


def intensity_scale(scan: Scan) -> float:
    """Return the bright tissue's intensity in the image, from the measured k-space alone.

    It is the 99th percentile of the root-sum-of-squares of a low-resolution image: the fully sampled centre, cut to
    24 samples along each axis so that the result hardly depends on the pattern. Without a centre of 8 samples it is
    taken from the zero-filled image times the acceleration's square root, which restores the mean energy, or of a scan
    with a trajectory from the gridded image, whose brightness is right. A weight relative to it means the same for
    every scanner, coil and matrix size.

    Parameters
    ----------
    scan
        One frame or more; the mean over frames is returned.
    """
    centre = _dense_centre(scan)
    if centre is not None:
        # Twice as many pixels as samples show the peaks; the orthonormal transform of a smaller grid is brighter.
        rows, columns = (min(2 * width, full) for width, full in zip(centre.shape[-2:], scan.shape, strict=True))
        kspace = scan.kspace.new_zeros((*scan.kspace.shape[:2], rows, columns))
        kspace[..., centre_slice(rows, centre.shape[-2]), centre_slice(columns, centre.shape[-1])] = centre
        factor = math.sqrt(rows * columns / math.prod(scan.shape))
        images = ifft(kspace)
    elif scan.trajectory is not None:
        images, factor = gridded_images(scan), 1.0
    else:
        images, factor = ifft(scan.kspace), math.sqrt(scan.sampling.acceleration)
    image = root_sum_of_squares(images).flatten(1)
    bright = image.kthvalue(max(1, round(0.99 * image.shape[1])), dim=1).values
    return factor * float(bright.mean())


def _dense_centre(scan: Scan) -> Tensor | None:
    """Return k-space (frame, coil, ky, kx) around the centre, None where too little of it was acquired."""
    if scan.trajectory is not None:
        return gridded_centre(scan, _MOST) if dense_centre(scan, _MOST) >= min(_FEWEST, *scan.shape) else None
    found = scan.sampling.acs_shape
    if min(found) < min(_FEWEST, *scan.shape):
        return None
    return crop_centre(scan.kspace, (min(found[0], _MOST), min(found[1], _MOST)))
