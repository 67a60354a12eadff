"""Whether a scan is noisier than the simulated scans that weights were trained on."""

from __future__ import annotations

import math
from typing import Any

from fourfold.coils.calibration import central_calibration
from fourfold.coils.low_resolution import low_resolution_images
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.noise.calibration_noise import noise_variance
from fourfold.scan import Scan
from fourfold.simulation.simulate import in_object

__all__ = ["scan_snr", "training_noise_notes"]

# Fewest calibration samples along an axis that show an object, and their largest number.
_FEWEST_SAMPLES, _REGION = 8, 24
# A scan is too noisy where its SNR, which comes out too small, is below this fraction of the training's smallest.
_MARGIN = 0.6


def scan_snr(scan: Scan) -> float:
    """Return the SNR of a frame as `fourfold.simulation.simulate` defines it, from its calibration lines.

    It is the mean brightness of the object, above a tenth of the maximum in the low-resolution image, over the standard
    deviation of the noise in the real part of a sample; infinite without noise. The low resolution makes it a quarter
    to a third too small.

    Parameters
    ----------
    scan
        One frame, Cartesian.

    Raises
    ------
    InputError
        When the fully sampled centre has fewer than 8 samples along an axis.
    """
    centre = central_calibration(scan, minimum=_FEWEST_SAMPLES, size=_REGION)
    image = root_sum_of_squares(low_resolution_images(centre, scan.shape))[0]
    lines = central_calibration(scan, minimum=_FEWEST_SAMPLES, size=None)
    noise_std = math.sqrt(noise_variance(scan, lines[0]) / 2)
    return float(image[in_object(image)].mean()) / noise_std if noise_std > 0 else math.inf


def training_noise_notes(scan: Scan, training: dict[str, Any]) -> tuple[str, ...]:
    """Return a sentence where a frame is clearly noisier than all scans that the weights were trained on.

    Parameters
    ----------
    scan
        The measured data, of one or more frames. The noisiest counts.
    training
        Settings of the training, from the manifest. Without the SNR of a simulation there is no note.
    """
    simulated = (training.get("data") or {}).get("simulation") or {}
    snr = simulated.get("snr")
    if snr is None:
        return ()
    lowest = min(snr) if isinstance(snr, list | tuple) else float(snr)
    try:
        measured = min(scan_snr(scan.frame(index)) for index in range(scan.frames))
    except InputError:
        # `out_of_distribution_notes` says that there are too few calibration lines.
        return ()
    if measured >= _MARGIN * lowest:
        return ()
    return (
        f"The scan's signal-to-noise ratio is about {measured:.1f}; the network was trained on {lowest:g} and more. "
        "Its image can be worse than a zero-filled one: compare with another method.",
    )
