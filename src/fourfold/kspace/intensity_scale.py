"""The intensity scale of a scan, to which regularisation weights are relative."""

from __future__ import annotations

import math

from torch import Tensor

from fourfold.coils.calibration_size import dense_centre
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.operators.fourier import ifft
from fourfold.operators.gridding import gridded_centre, gridded_images
from fourfold.scan import Scan, centre_slice, crop_centre

__all__ = ["intensity_scale"]

_LARGEST_CENTRE, _SMALLEST_CENTRE = 24, 8


def intensity_scale(scan: Scan) -> float:
    """Return the intensity of bright tissue in the image, estimated from the measured k-space.

    It is the 99th percentile of the root-sum-of-squares of a low-resolution image of the fully sampled centre. The
    centre is cropped to 24 samples along each axis, so that the result hardly depends on the pattern. Without a centre
    of 8 samples, the zero-filled image times the square root of the acceleration is used, which restores the mean
    energy; for a trajectory it is the gridded image. Weights relative to this scale suit every scanner, coil and matrix
    size.

    Parameters
    ----------
    scan
        One or more frames; the mean over frames is returned.
    """
    centre = _dense_centre(scan)
    if centre is not None:
        # Twice as many pixels as samples resolve the maxima. The orthonormal transform of a smaller grid is brighter.
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
    """Return the fully sampled k-space (frame, coil, ky, kx) around the centre; None where it is too small."""
    if scan.trajectory is not None:
        return (
            gridded_centre(scan, _LARGEST_CENTRE)
            if dense_centre(scan, _LARGEST_CENTRE) >= min(_SMALLEST_CENTRE, *scan.shape)
            else None
        )
    size = scan.sampling.acs_shape
    if min(size) < min(_SMALLEST_CENTRE, *scan.shape):
        return None
    return crop_centre(scan.kspace, (min(size[0], _LARGEST_CENTRE), min(size[1], _LARGEST_CENTRE)))
