"""The phase of coil maps, which the coils' data leave open."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["align_phase", "principal_mixture"]


def align_phase(maps: Tensor, samples: Tensor) -> None:
    """Make coil maps real and positive, in place, along the coil mixture that holds most of the samples' energy.

    The image's phase is then that of this virtual coil, which is BART's choice too.

    Parameters
    ----------
    maps
        complex64, (set, coil, y, x).
    samples
        complex64, (coil, …), k-space or images, of order one.
    """
    mixture = (principal_mixture(samples).conj() @ maps.flatten(2)).view(maps.shape[0], 1, *maps.shape[2:])
    maps *= torch.polar(torch.ones_like(mixture.real), -mixture.angle())


def principal_mixture(samples: Tensor) -> Tensor:
    """Return the unit weights (coil,) of the coil mixture that holds most of the energy of samples (coil, …)."""
    flat = samples.flatten(1)
    principal: Tensor = torch.linalg.eigh(flat @ flat.mH).eigenvectors[:, -1]
    return principal
