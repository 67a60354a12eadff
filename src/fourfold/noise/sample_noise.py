"""Noise level of a frame, by the best estimate that its data allow."""

from __future__ import annotations

import math

from torch import Tensor

from fourfold.errors import InputError
from fourfold.noise.calibration_noise import noise_variance
from fourfold.noise.covariance import noise_covariance
from fourfold.noise.outer_kspace_noise import noise_std_of_scan
from fourfold.scan import Scan

__all__ = ["sample_noise_std"]


def sample_noise_std(scan: Scan, calibration: Tensor | None) -> float:
    """Return the standard deviation of the noise of a sample, in the real part and in the imaginary part.

    It is the mean over coils, from the noise scan where there is one. Otherwise it is the smaller of two estimates, as
    signal makes each too large: from the singular values of calibration k-space, and from the outermost samples. With
    a trajectory it comes from the outermost samples alone, since gridded calibration k-space holds other noise.

    Parameters
    ----------
    scan
        One frame.
    calibration
        Its calibration k-space, complex64 (coil, ky, kx), at least 3×3; None where there is none.

    Raises
    ------
    InputError
        When the data hold no noise, or there are too few samples to estimate it.
    """
    if scan.noise is None and scan.trajectory is not None:
        variance = float(noise_covariance(scan).diagonal().real.mean())
    else:
        variance = noise_std_of_scan(scan) ** 2
        if scan.noise is None and calibration is not None:
            variance = min(variance, noise_variance(scan, calibration))
    if variance == 0:
        raise InputError(
            "The noise level of the scan cannot be estimated, because its outermost samples or its noise scan are all "
            "zero: give noise_std, relative to the brightness of the image."
        )
    return math.sqrt(variance / 2)
