"""Image dithering: noise for readers who find an image too smooth, with the level and spectrum of the scan's own noise.

Recht et al. (AJR 215:1421, 2020) showed networks' images with added noise to radiologists, who preferred them.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fourfold.coils.calibration import central_calibration, estimate_maps
from fourfold.coils.calibration_size import FEWEST, calibration_size
from fourfold.coils.root_sum_of_squares import matched_combination
from fourfold.errors import InputError
from fourfold.noise.sample_noise import sample_noise_std
from fourfold.operators.fourier import ifft
from fourfold.scan import Reconstruction, Record, Scan, crop_centre

__all__ = ["dither"]

_MOST = 2.0
"""Highest level; beyond it the noise hides what the image shows."""


@dataclass(frozen=True)
class _Noise:
    """Noise for one frame, and its facts."""

    image: Tensor
    """complex64, (y, x)."""
    std: float
    """Standard deviation in the real part, in the object."""
    extent: tuple[int, int]
    """Rows and columns of k-space that hold it, around the centre."""


@torch.no_grad()
def dither(
    reconstruction: Reconstruction, scan: Scan, level: float = 0.5, seed: int = 0, first_frame: int = 0
) -> Reconstruction:
    """Return the image with noise added, as a scan with all samples would hold it.

    White complex noise with the standard deviation of the scan's samples, in every coil and over the whole extent of
    the acquired k-space, is combined by the coil maps. It therefore has the local standard deviation and the spectrum
    of the noise in a fully sampled, sensitivity-weighted image, times `level`. Where no coil map reaches there is none.
    Members, their standard deviation and the image before data consistency stay as they are.

    Parameters
    ----------
    reconstruction
        Of the scan.
    scan
        As the method was given it, Cartesian.
    level
        Standard deviation relative to the scan's noise: 1 for that of the fully sampled scan.
    seed
        Of the noise; every frame has noise of its own.
    first_frame
        Number of the first frame in its volume, by which the noise is drawn.

    Raises
    ------
    InputError
        For a level outside 0 to 2, a non-Cartesian scan, frames that differ from the scan's, and data from which noise
        or coil maps cannot be estimated.
    """
    if not 0 < level <= _MOST:
        raise InputError(f"The level of the dithering is {level:g}; it must lie above 0 and not above {_MOST:g}.")
    if scan.trajectory is not None:
        raise InputError("Dithering needs Cartesian data; leave it out for a scan along a trajectory.")
    if scan.frames != len(reconstruction.image):
        raise InputError(
            f"The image has {len(reconstruction.image)} frames and the scan {scan.frames}; give the scan that it was "
            "made from."
        )
    size = (reconstruction.image.shape[-2], reconstruction.image.shape[-1])
    noise = [_noise(scan.frame(index), level, (seed, first_frame + index), size) for index in range(scan.frames)]
    image = reconstruction.image + torch.stack([each.image for each in noise]).to(reconstruction.image.device)
    return dataclasses.replace(reconstruction, image=image, record=_marked(reconstruction, noise, level, seed))


def _noise(scan: Scan, level: float, seed: tuple[int, int], size: tuple[int, int]) -> _Noise:
    """Return the noise of one frame, cut to the size of the image."""
    calibration = central_calibration(scan)[0] if calibration_size(scan) >= FEWEST else None
    std = level * sample_noise_std(scan, calibration)
    extent = _extent(scan.mask[0])
    number = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1)
    generator = torch.Generator().manual_seed(number)
    samples = torch.zeros((scan.coils, *scan.shape), dtype=torch.complex64)
    # torch's complex normal numbers have variance one, one half in each part.
    inside = crop_centre(samples, extent)
    inside.copy_(torch.randn(inside.shape, dtype=torch.complex64, generator=generator) * (math.sqrt(2) * std))
    maps = estimate_maps(scan).cpu()
    image = matched_combination(ifft(samples), maps)[0, 0]
    share = extent[0] * extent[1] / (scan.shape[0] * scan.shape[1])
    return _Noise(crop_centre(image, size), std * math.sqrt(share), extent)


def _extent(mask: Tensor) -> tuple[int, int]:
    """Return rows and columns of the box around the centre of k-space that holds all samples (ky, kx)."""
    extent = []
    for axis in (1, 0):
        acquired = mask.any(dim=axis).nonzero().flatten()
        size = mask.shape[1 - axis]
        distance = int((acquired - size // 2).abs().max())
        extent.append(min(size, 2 * distance + 1))
    return extent[0], extent[1]


def _marked(reconstruction: Reconstruction, noise: list[_Noise], level: float, seed: int) -> Record:
    """Return the record with the noise that was added, of the volume and of each frame."""
    record = reconstruction.record
    note = (
        f"Noise was added for the reader (dithering): {level:g} times that of a fully sampled scan. Leave it out for "
        "measurements and scores."
    )
    facts = [
        {"dithering": {"level": level, "seed": seed, "std": each.std, "kspace_extent": list(each.extent)}}
        for each in noise
    ]
    by_frame = tuple(
        dataclasses.replace(frame, details={**frame.details, **fact}, notes=(*frame.notes, note))
        for frame, fact in zip(record.by_frame, facts, strict=False)
    )
    common = facts[0] if all(fact == facts[0] for fact in facts) else {"dithering": {"level": level, "seed": seed}}
    return dataclasses.replace(
        record, details={**record.details, **common}, notes=(*record.notes, note), by_frame=by_frame
    )
