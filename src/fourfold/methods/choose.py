"""Chooses a sound method for the data at hand."""

from __future__ import annotations

from fourfold.coils.calibration import calibration_kspace
from fourfold.coils.joint_model import require_neighbours
from fourfold.errors import InputError
from fourfold.methods.classical.wavelet import Wavelet
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.method import Method
from fourfold.scan import Scan, check_scan

__all__ = ["choose_method"]


def choose_method(scan: Scan) -> tuple[Method, str]:
    """Return a method that suits `scan`, with default settings, and the reason in a few words.

    ==========================================  ===========
    data                                        method
    ==========================================  ===========
    fully sampled                               zero-filled
    undersampled, a single coil                 wavelet
    undersampled, coils can be calibrated       wavelet
    undersampled, few or no calibration lines   wavelet
    evenly spaced, no calibration lines         zero-filled
    ==========================================  ===========

    Wavelet and total variation came closest to the sensitivity-weighted image of the full data on three measured heads,
    with evenly spaced, random and Poisson-disc samples at 2 to 4×, within 1.3 dB of each other; wavelet keeps texture
    where total variation leaves flat patches. (The root-sum-of-squares of all coils, which holds their noise, is
    closer to GRAPPA where few lines are left out.)
    """
    check_scan(scan)
    kind, reason = _choose(scan)
    return kind(), reason


def _choose(scan: Scan) -> tuple[type[Method], str]:
    if scan.fully_sampled:
        return ZeroFilled, "every sample was acquired, so the inverse Fourier transform gives the image"
    data = f"{scan.coils} coil{'s' if scan.coils > 1 else ''} at {scan.acceleration:.1f}×"
    if scan.coils == 1:
        return Wavelet, f"{data}: sparsity alone can tell the image from its aliasing"
    if scan.coil_maps is not None:
        return Wavelet, f"{data} with coil maps: sensitivities and sparsity together remove the aliasing"
    removed = "sensitivities and sparsity together remove the aliasing"
    try:
        calibration_kspace(scan)
    except InputError:
        return _choose_without_calibration(scan, data, removed)
    return Wavelet, f"{data} with calibration lines: {removed}"


def _choose_without_calibration(scan: Scan, data: str, removed: str) -> tuple[type[Method], str]:
    try:
        require_neighbours(scan.mask[0])
    except InputError:
        return ZeroFilled, f"{data} without calibration lines or coil maps: the aliasing has to stay"
    return Wavelet, f"{data} without calibration lines, but with neighbouring samples: {removed}"
