"""The reference phase of coil maps, which the data do not determine."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["align_phase", "principal_combination"]


def align_phase(maps: Tensor, samples: Tensor) -> None:
    """Make the principal virtual coil's map real and positive, by changing the phase of all maps in place.

    The image then has the phase of this virtual coil, the combination with the most energy, as in BART.

    Parameters
    ----------
    maps
        complex64, (set, coil, y, x).
    samples
        complex64, (coil, …), k-space or images, of order one.
    """
    virtual_coil = (principal_combination(samples).conj() @ maps.flatten(2)).view(maps.shape[0], 1, *maps.shape[2:])
    maps *= torch.polar(torch.ones_like(virtual_coil.real), -virtual_coil.angle())


def principal_combination(samples: Tensor) -> Tensor:
    """Return the unit weights (coil,) of the coil combination with the most energy in samples (coil, …)."""
    flat = samples.flatten(1)
    principal: Tensor = torch.linalg.eigh(flat @ flat.mH).eigenvectors[:, -1]
    return principal
