"""One image from the coil images of methods that estimate every coil's k-space."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.coils.calibration import estimate_maps
from fourfold.coils.map_phase import principal_combination
from fourfold.coils.root_sum_of_squares import matched_combination, root_sum_of_squares
from fourfold.errors import InputError
from fourfold.methods.sense_problem import CoilCombination
from fourfold.scan import Scan

__all__ = ["combine_coils", "require_coils"]


def combine_coils(scan: Scan, coil_images: Tensor, combination: CoilCombination) -> Tensor:
    """Return the image, complex64 (y, x), of coil images (coil, y, x) that were reconstructed from `scan`.

    Parameters
    ----------
    scan
        The measured data of one frame.
    coil_images
        complex64, (coil, y, x).
    combination
        ``"rss"``: root-sum-of-squares, with the phase of the coil mixture that holds most of the energy, which is also
        the phase that estimated coil maps leave to the image; ``"maps"``: weighted by the coil maps.
    """
    if combination == "maps":
        return matched_combination(coil_images, estimate_maps(scan)[0, 0])
    mixture = torch.tensordot(principal_combination(coil_images).conj(), coil_images, dims=1)
    return torch.polar(root_sum_of_squares(coil_images), mixture.angle())


def require_coils(scan: Scan, method: str) -> None:
    """Raise InputError for a scan of a single coil, in which a method that compares coils has nothing to compare."""
    if scan.coils == 1:
        raise InputError(
            f"The scan has a single coil; {method} estimates samples from several coils' differences: "
            "choose the method 'tv' or 'wavelet'."
        )
