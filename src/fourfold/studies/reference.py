"""The image that reconstructions are scored against, computed from fully sampled data."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fourfold.coils.calibration import estimate_maps
from fourfold.coils.root_sum_of_squares import matched_combination, root_sum_of_squares
from fourfold.errors import InputError, nearest
from fourfold.operators.fourier import ifft
from fourfold.scan import Scan, crop_centre

__all__ = ["REFERENCES", "Reference", "image_shape", "reference_image"]

Reference = Literal["rss", "matched"]

REFERENCES = {
    "rss": "root-sum-of-squares of the fully sampled data",
    "matched": "sensitivity-weighted combination of the fully sampled data",
}
"""The kinds of references by name, in words."""


def image_shape(scan: Scan) -> tuple[int, int, int]:
    """Return the shape (frame, y, x) of the images reconstructed from `scan`."""
    size = scan.geometry.image_size or scan.shape
    return scan.frames, min(size[0], scan.shape[0]), min(size[1], scan.shape[1])


@torch.no_grad()
def reference_image(scan: Scan, kind: Reference = "rss") -> Tensor:
    """Return the magnitude image of a fully sampled scan.

    Parameters
    ----------
    scan
        Fully sampled acquisition.
    kind
        ``rss``: the root-sum-of-squares of the coil images (Roemer 1990), what most studies score against. It adds
        up the noise of all coils, so it has a noise floor that no reconstruction should reproduce.
        ``matched``: the sensitivity-weighted combination (Roemer 1990, Eq. 26) with the scan's coil maps or, without
        them, one set of ESPIRiT maps of its calibration data, nowhere cropped. It has far less of a noise floor. One
        set assumes that the object does not fold over in the full field of view; several sets that the scan carries
        are combined by root-sum-of-squares.

    Returns
    -------
    Tensor
        float32, (frame, y, x), cut to ``geometry.image_size``.

    Raises
    ------
    InputError
        For an unknown kind, and for a scan that is not fully sampled.
    """
    if kind not in REFERENCES:
        known = ", ".join(REFERENCES)
        raise InputError(f"There is no reference '{kind}'; known are {known}.{nearest(kind, REFERENCES)}")
    if not scan.fully_sampled:
        raise InputError(
            f"The scan is undersampled ({scan.acceleration:.3g}×), but a reference of the kind '{kind}' "
            "is made from fully sampled data; give the reference as an image (frame, y, x), or leave it out."
        )
    combined = torch.stack([_combined(scan.frame(index), kind) for index in range(scan.frames)])
    return crop_centre(combined, image_shape(scan)[1:])


def _combined(scan: Scan, kind: Reference) -> Tensor:
    coil_images = ifft(scan.kspace[0])
    if kind == "rss":
        return root_sum_of_squares(coil_images)
    sets = matched_combination(coil_images, estimate_maps(scan, threshold=0.0)[0])
    return sets.abs().square().sum(dim=0).sqrt()
