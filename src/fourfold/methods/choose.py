"""Chooses a method that suits the data by a rule, without any reconstruction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fourfold.coils.calibration_size import FEWEST, axis_without_neighbours, calibration_size
from fourfold.scan import AnyScan, Scan, check_scan

if TYPE_CHECKING:
    from fourfold.methods.method import Method

__all__ = ["choose_by_rule", "choose_name"]

Choice: TypeAlias = Literal["wavelet", "zero-filled"]


def choose_by_rule(scan: Scan) -> tuple[Method, str]:
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
    # Their modules load torch, which a choice by name does without.
    from fourfold.methods.classical.wavelet import Wavelet
    from fourfold.methods.classical.zero_filled import ZeroFilled

    check_scan(scan)
    name, reason = choose_name(scan)
    return Wavelet() if name == "wavelet" else ZeroFilled(), reason


def choose_name(scan: AnyScan[Any]) -> tuple[Choice, str]:
    """Return the name of the method that `choose_by_rule` takes, and the reason."""
    if scan.fully_sampled:
        return "zero-filled", "every sample was acquired, so the inverse Fourier transform gives the image"
    data = f"{scan.coils} coil{'s' if scan.coils > 1 else ''} at {scan.acceleration:.1f}×"
    if scan.coils == 1:
        return "wavelet", f"{data}: sparsity alone separates the image from its aliasing"
    if scan.coil_maps is not None:
        return "wavelet", f"{data} with coil maps: sensitivities and sparsity together remove the aliasing"
    removed = "sensitivities and sparsity together remove the aliasing"
    if calibration_size(scan) >= FEWEST:
        return "wavelet", f"{data} with calibration lines: {removed}"
    if axis_without_neighbours(scan.mask[0]) is not None:
        return "zero-filled", f"{data} without calibration lines or coil maps: the aliasing has to stay"
    return "wavelet", f"{data} without calibration lines, but with neighbouring samples: {removed}"
